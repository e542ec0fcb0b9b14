internal import Basics
internal import KeyValueStore

/// What Redis says of a key.
enum StoredState: Equatable {
  /// What the key holds.
  case known(Lookup)
  /// Nothing, and no reader holds a lease. In the reply to a request for a lease: not granted.
  case vacant
  /// The lease was granted.
  case leased
  /// Nothing for this reader: another one holds the lease, or the entry can't be read.
  case unavailable
  /// No answer: the connection is gone.
  case failed
}

/// Reads what `EntryPayload` wrote: copies the value once, and allocates nothing else as long as
/// content types repeat.
struct EntryDecoder {
  private var contentTypeBytes: [UInt8] = []
  private var contentType = ""

  /// What `bytes` say of `key`. Damaged bytes and unknown formats are `unavailable`.
  mutating func decode(_ bytes: UnsafeRawBufferPointer, of key: Key) -> StoredState {
    guard bytes.count >= EntryLayout.checksumStart, bytes[1] == EntryLayout.format else {
      return .unavailable
    }
    switch bytes[0] {
    case EntryLayout.floor: return .vacant
    case EntryLayout.value, EntryLayout.absence: break
    default: return .unavailable
    }
    guard bytes.count >= EntryLayout.bodyStart,
      word(of: bytes, at: EntryLayout.checksumStart) == EntryLayout.checksum(of: bytes),
      let revision = revision(of: bytes)
    else { return .unavailable }
    if bytes[0] == EntryLayout.absence {
      return bytes.count == EntryLayout.bodyStart ? .known(.absent(revision)) : .unavailable
    }
    return decodeValue(bytes, of: key, revision: revision)
  }

  private mutating func decodeValue(
    _ bytes: UnsafeRawBufferPointer, of key: Key, revision: Revision
  ) -> StoredState {
    guard bytes.count >= EntryLayout.contentTypeStart else { return .unavailable }
    let length =
      Int(bytes[EntryLayout.contentTypeStart - 2])
      | Int(bytes[EntryLayout.contentTypeStart - 1]) << 8
    let valueStart = EntryLayout.contentTypeStart + length
    guard bytes.count >= valueStart else { return .unavailable }
    let type = UnsafeRawBufferPointer(rebasing: bytes[EntryLayout.contentTypeStart..<valueStart])
    guard let contentType = text(type) else { return .unavailable }
    let value = UnsafeRawBufferPointer(rebasing: bytes[valueStart...])
    let expiry = number(of: bytes, at: EntryLayout.bodyStart + 24)
    let metadata = Metadata(
      key: key, revision: revision, version: number(of: bytes, at: EntryLayout.bodyStart),
      size: value.count, contentType: contentType,
      createdAt: Timestamp(microseconds: number(of: bytes, at: EntryLayout.bodyStart + 8)),
      updatedAt: Timestamp(microseconds: number(of: bytes, at: EntryLayout.bodyStart + 16)),
      expiresAt: expiry == EntryLayout.never ? nil : Timestamp(microseconds: expiry))
    return .known(.found(Entry(metadata: metadata, value: [UInt8](value))))
  }

  private mutating func text(_ bytes: UnsafeRawBufferPointer) -> String? {
    if bytes.elementsEqual(contentTypeBytes) { return contentType }
    guard let text = String(validating: bytes, as: UTF8.self) else { return nil }
    contentTypeBytes = [UInt8](bytes)
    contentType = text
    return text
  }

  private func revision(of bytes: UnsafeRawBufferPointer) -> Revision? {
    var number: UInt64 = 0
    for index in EntryLayout.revisionStart..<EntryLayout.checksumStart {
      guard let digit = bytes[index].decimalDigit else { return nil }
      number = number * 10 + UInt64(digit)
    }
    return Int64(exactly: number).map { Revision($0) }
  }

  private func number(of bytes: UnsafeRawBufferPointer, at offset: Int) -> Int64 {
    Int64(bitPattern: word(of: bytes, at: offset))
  }

  private func word(of bytes: UnsafeRawBufferPointer, at offset: Int) -> UInt64 {
    UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }
}
