internal import KeyValueStore

/// What a key is to hold in Redis, ready to be written into a command without another copy.
enum EntryPayload {
  case entry(Entry)
  case absence(Revision)
  case floor(Revision)

  init(_ lookup: Lookup) {
    switch lookup {
    // A length of two bytes; what does not fit is not cached.
    case .found(let entry) where entry.metadata.contentType.utf8.count > Int(UInt16.max):
      self = .floor(entry.metadata.revision)
    case .found(let entry): self = .entry(entry)
    case .absent(let revision): self = .absence(revision)
    }
  }

  init(_ update: CacheUpdate) {
    if let lookup = update.lookup { self.init(lookup) } else { self = .floor(update.revision) }
  }

  var revision: Revision {
    switch self {
    case .entry(let entry): entry.metadata.revision
    case .absence(let revision), .floor(let revision): revision
    }
  }

  /// How many bytes `write` appends.
  var count: Int {
    switch self {
    case .entry(let entry):
      EntryLayout.contentTypeStart + entry.metadata.contentType.utf8.count + entry.value.count
    case .absence: EntryLayout.bodyStart
    case .floor: EntryLayout.checksumStart
    }
  }

  /// Appends the layout of `EntryLayout`.
  func write(to bytes: inout [UInt8]) {
    let start = bytes.count
    switch self {
    case .entry(let entry):
      Self.writeHead(EntryLayout.value, revision, to: &bytes)
      Self.write(0, to: &bytes)
      let metadata = entry.metadata
      Self.write(UInt64(bitPattern: metadata.version), to: &bytes)
      Self.write(UInt64(bitPattern: metadata.createdAt.microseconds), to: &bytes)
      Self.write(UInt64(bitPattern: metadata.updatedAt.microseconds), to: &bytes)
      let expiry = metadata.expiresAt?.microseconds ?? EntryLayout.never
      Self.write(UInt64(bitPattern: expiry), to: &bytes)
      let length = metadata.contentType.utf8.count
      bytes.append(UInt8(truncatingIfNeeded: length))
      bytes.append(UInt8(truncatingIfNeeded: length >> 8))
      bytes.append(contentsOf: metadata.contentType.utf8)
      bytes.append(contentsOf: entry.value)
      Self.seal(&bytes, from: start)
    case .absence:
      Self.writeHead(EntryLayout.absence, revision, to: &bytes)
      Self.write(0, to: &bytes)
      Self.seal(&bytes, from: start)
    case .floor:
      Self.writeHead(EntryLayout.floor, revision, to: &bytes)
    }
  }

  private static func writeHead(_ kind: UInt8, _ revision: Revision, to bytes: inout [UInt8]) {
    bytes.append(kind)
    bytes.append(EntryLayout.format)
    let start = bytes.count
    var rest = UInt64(max(0, revision.number))
    bytes.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: EntryLayout.revisionDigits))
    var index = start + EntryLayout.revisionDigits - 1
    while rest > 0 {
      bytes[index] = UInt8(ascii: "0") + UInt8(rest % 10)
      rest /= 10
      index -= 1
    }
  }

  private static func write(_ number: UInt64, to bytes: inout [UInt8]) {
    withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
  }

  private static func seal(_ bytes: inout [UInt8], from start: Int) {
    bytes.withUnsafeMutableBytes { all in
      let own = UnsafeMutableRawBufferPointer(rebasing: all[start...])
      let checksum = EntryLayout.checksum(of: UnsafeRawBufferPointer(own))
      own.storeBytes(
        of: checksum.littleEndian, toByteOffset: EntryLayout.checksumStart, as: UInt64.self)
    }
  }
}
