/// Reads the layout of `OutcomeCoding`. Every method returns nil when the bytes are damaged, and
/// reserves no memory that the bytes do not account for.
struct OutcomeReader {
  private let bytes: [UInt8]
  private var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var isAtEnd: Bool { position == bytes.count }

  mutating func readHeader(kind: UInt8) -> Bool {
    readByte() == OutcomeCoding.version && readByte() == kind
  }

  mutating func readWriteOutcome() -> WriteOutcome? {
    switch readByte() {
    case OutcomeCoding.WriteTag.stored: readMetadata().map { .stored($0) }
    case OutcomeCoding.WriteTag.deleted: readNumber().map { .deleted(Revision($0)) }
    case OutcomeCoding.WriteTag.notFound: .notFound
    case OutcomeCoding.WriteTag.preconditionFailed:
      readOptionalNumber().map { .preconditionFailed(current: $0.map { Revision($0) }) }
    case OutcomeCoding.WriteTag.idempotencyMismatch: .idempotencyMismatch
    default: nil
    }
  }

  mutating func readBatchOutcome() -> BatchOutcome? {
    switch readByte() {
    case OutcomeCoding.BatchTag.completed:
      guard let count = readCount() else { return nil }
      var outcomes: [OperationOutcome] = []
      for _ in 0..<count {
        // A count that is damaged ends here, where the bytes end.
        guard let outcome = readOperationOutcome() else { return nil }
        outcomes.append(outcome)
      }
      return .completed(outcomes)
    case OutcomeCoding.BatchTag.preconditionFailed:
      guard let index = readCount(), let current = readOptionalNumber() else { return nil }
      return .preconditionFailed(index: index, current: current.map { Revision($0) })
    case OutcomeCoding.BatchTag.idempotencyMismatch:
      return .idempotencyMismatch
    default:
      return nil
    }
  }

  private mutating func readOperationOutcome() -> OperationOutcome? {
    switch readByte() {
    case OutcomeCoding.OperationTag.found:
      guard let metadata = readMetadata(), let value = readString() else { return nil }
      return .read(.found(Entry(metadata: metadata, value: value)))
    case OutcomeCoding.OperationTag.absent:
      return readNumber().map { .read(.absent(Revision($0))) }
    case OutcomeCoding.OperationTag.readTooLarge:
      return .readTooLarge
    case OutcomeCoding.OperationTag.write:
      return readWriteOutcome().map { .write($0) }
    default:
      return nil
    }
  }

  private mutating func readMetadata() -> Metadata? {
    guard let key = readString(), let revision = readNumber(), let version = readNumber(),
      let size = readCount(), let contentType = readString(),
      let text = String(validating: contentType, as: UTF8.self),
      let createdAt = readNumber(), let updatedAt = readNumber(),
      let expiresAt = readOptionalNumber()
    else { return nil }
    return Metadata(
      key: Key(trusted: key), revision: Revision(revision), version: version, size: size,
      contentType: text, createdAt: Timestamp(microseconds: createdAt),
      updatedAt: Timestamp(microseconds: updatedAt),
      expiresAt: expiresAt.map { Timestamp(microseconds: $0) })
  }

  private mutating func readByte() -> UInt8? {
    guard position < bytes.count else { return nil }
    defer { position += 1 }
    return bytes[position]
  }

  private mutating func readString() -> [UInt8]? {
    guard let count = readCount(), count <= bytes.count - position else { return nil }
    defer { position += count }
    return Array(bytes[position..<position + count])
  }

  private mutating func readCount() -> Int? { readUnsigned().flatMap { Int(exactly: $0) } }

  private mutating func readOptionalNumber() -> Int64?? {
    switch readByte() {
    case 0: .some(nil)
    case 1: readNumber().map { .some($0) }
    default: nil
    }
  }

  private mutating func readNumber() -> Int64? {
    readUnsigned().map { Int64(bitPattern: $0 >> 1) ^ -Int64($0 & 1) }
  }

  private mutating func readUnsigned() -> UInt64? {
    var number: UInt64 = 0
    for shift in stride(from: 0, through: 63, by: 7) {
      guard let byte = readByte() else { return nil }
      // The tenth byte has room for one bit.
      if shift == 63, byte > 1 { return nil }
      number |= UInt64(byte & 0x7F) << UInt64(shift)
      if byte < 0x80 { return number }
    }
    return nil
  }
}
