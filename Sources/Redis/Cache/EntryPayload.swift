internal import Basics
internal import KeyValueStore

/// What a key is to hold in Redis, ready to be written into a command without another copy.
enum EntryPayload {
  case entry(Entry)
  case absence(Revision)
  case floor(Revision)

  init(_ lookup: Lookup) {
    switch lookup {
    // The length has two bytes; a longer content type is not cached.
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

  /// Appends the payload in the form of `EntryLayout`.
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
    bytes.append(decimal: max(0, revision.number), digits: EntryLayout.revisionDigits)
  }

  private static func write(_ number: UInt64, to bytes: inout [UInt8]) {
    withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
  }

  /// Writes the checksum into its place.
  private static func seal(_ bytes: inout [UInt8], from start: Int) {
    bytes.withUnsafeMutableBytes { all in
      let own = UnsafeMutableRawBufferPointer(rebasing: all[start...])
      let checksum = EntryLayout.checksum(of: UnsafeRawBufferPointer(own))
      own.storeBytes(
        of: checksum.littleEndian, toByteOffset: EntryLayout.checksumStart, as: UInt64.self)
    }
  }
}

/// How Redis stores what is known of a key: one string for each key.
///
///     0      kind: v(alue), a(bsence), l(ease), f(loor)
///     1      format; a reader that does not know it misses
///     2..20  revision, 19 decimal digits, so that scripts can compare it as text
///     21..   lease: its token, 16 hexadecimal digits
///            absence: checksum (8)
///            value: checksum (8), version (8), created (8), updated (8), expires (8),
///            length of the content type (2), content type, value
///
/// Binary numbers are little-endian. Kind and revision have the same place in every format. A floor
/// is not served: it only says that nothing older than its revision may be kept. A lease has the
/// revision of the floor that it replaced.
enum EntryLayout {
  static let value = UInt8(ascii: "v")
  static let absence = UInt8(ascii: "a")
  static let floor = UInt8(ascii: "f")
  static let format = UInt8(ascii: "1")

  static let revisionStart = 2
  static let revisionDigits = 19
  static let checksumStart = revisionStart + revisionDigits
  static let bodyStart = checksumStart + 8
  static let contentTypeStart = bodyStart + 4 * 8 + 2
  /// The expiry of an entry that never expires.
  static let never = Int64.min

  /// The checksum of everything but itself.
  static func checksum(of bytes: UnsafeRawBufferPointer) -> UInt64 {
    var checksum = Checksum()
    checksum.include(UnsafeRawBufferPointer(rebasing: bytes[..<checksumStart]))
    checksum.include(UnsafeRawBufferPointer(rebasing: bytes[bodyStart...]))
    return checksum.value
  }
}

/// A 64-bit checksum against bytes damaged between two nodes. It does not protect against malice:
/// anyone who can write to Redis can also write a valid checksum.
private struct Checksum {
  private var state: UInt64 = 0x9E37_79B9_7F4A_7C15

  var value: UInt64 {
    var mixed = state ^ (state >> 32)
    mixed = mixed &* 0xD6E8_FEB8_6659_FD93
    return mixed ^ (mixed >> 32)
  }

  /// Includes `bytes`, eight at a time, and their number.
  mutating func include(_ bytes: UnsafeRawBufferPointer) {
    var offset = 0
    while offset + 8 <= bytes.count {
      mix(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
      offset += 8
    }
    var rest: UInt64 = 0
    while offset < bytes.count {
      rest = rest << 8 | UInt64(bytes[offset])
      offset += 1
    }
    mix(rest)
    mix(UInt64(bytes.count))
  }

  private mutating func mix(_ word: UInt64) {
    state = (state ^ word) &* 0xFF51_AFD7_ED55_8CCD
    state ^= state >> 33
  }
}
