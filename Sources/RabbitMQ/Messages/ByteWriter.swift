import KeyValueStore

/// Writes the layout of `ChangeMessage`.
struct ByteWriter {
  var bytes: [UInt8]

  mutating func add(_ number: Int64) {
    withUnsafeBytes(of: number.bigEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func add(_ text: some Collection<UInt8>) {
    withUnsafeBytes(of: UInt32(text.count).bigEndian) { bytes.append(contentsOf: $0) }
    bytes.append(contentsOf: text)
  }

  mutating func add(_ change: Change) {
    switch change.kind {
    case .put(let metadata):
      bytes.append(
        metadata.expiresAt == nil
          ? ChangeMessage.Layout.put : ChangeMessage.Layout.putWithExpiry)
      add(change.key.bytes)
      add(change.revision.number)
      add(metadata.version)
      add(Int64(metadata.size))
      add(metadata.contentType.utf8)
      add(metadata.createdAt.microseconds)
      add(metadata.updatedAt.microseconds)
      if let expiresAt = metadata.expiresAt { add(expiresAt.microseconds) }
    case .delete:
      bytes.append(ChangeMessage.Layout.delete)
      add(change.key.bytes)
      add(change.revision.number)
    case .expire:
      bytes.append(ChangeMessage.Layout.expire)
      add(change.key.bytes)
      add(change.revision.number)
    }
  }
}
