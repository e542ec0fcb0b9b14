/// The layout of outcomes as bytes, for the records of idempotent requests. A release reads the
/// records of earlier ones: a new layout needs a new version.
///
/// Version, kind, then the outcome. Numbers are LEB128, signed ones zigzag-coded first; byte
/// strings follow their length.
private enum OutcomeCoding {
  static let version: UInt8 = 1

  enum Kind {
    static let write: UInt8 = 0x57
    static let batch: UInt8 = 0x42
  }

  enum WriteTag {
    static let stored: UInt8 = 0
    static let deleted: UInt8 = 1
    static let notFound: UInt8 = 2
    static let preconditionFailed: UInt8 = 3
    static let idempotencyMismatch: UInt8 = 4
    static let added: UInt8 = 5
    static let addRefused: UInt8 = 6
  }

  enum BatchTag {
    static let completed: UInt8 = 0
    static let preconditionFailed: UInt8 = 1
    static let idempotencyMismatch: UInt8 = 2
    static let addRefused: UInt8 = 3
  }

  enum OperationTag {
    static let found: UInt8 = 0
    static let absent: UInt8 = 1
    static let write: UInt8 = 2
    static let readTooLarge: UInt8 = 3
  }
}

extension WriteOutcome {
  /// The outcome as bytes.
  public func encoded() -> [UInt8] {
    var writer = OutcomeWriter(kind: OutcomeCoding.Kind.write)
    writer.add(self)
    return writer.bytes
  }

  /// Reads what `encoded` returned; nil for other bytes, and for an outcome that `write` can't
  /// have: a request must not get the outcome of another one.
  public init?(encoded bytes: [UInt8], of write: Write) {
    guard let outcome = WriteOutcome(encoded: bytes), outcome.canBeOutcome(of: write) else {
      return nil
    }
    self = outcome
  }

  /// Reads what `encoded` returned for any write.
  init?(encoded bytes: [UInt8]) {
    var reader = OutcomeReader(bytes)
    guard reader.readHeader(kind: OutcomeCoding.Kind.write),
      let outcome = reader.readWriteOutcome(), reader.isAtEnd
    else { return nil }
    self = outcome
  }

  /// Whether `write` can have this outcome: whether the two agree in all that both hold.
  fileprivate func canBeOutcome(of write: Write) -> Bool {
    switch (self, write.mutation) {
    case (.stored(let metadata), .put(let value, let contentType, let timeToLive)):
      metadata.key == write.key && metadata.size == value.count
        && metadata.contentType == contentType
        && (metadata.expiresAt == nil) == (timeToLive == nil)
    case (.stored(let metadata), .patch(let patch)):
      patch.amount == nil && metadata.key == write.key && patch.agrees(with: metadata)
    case (.added(let metadata, let sum), .patch(let patch)):
      patch.amount != nil && metadata.key == write.key && patch.agrees(with: metadata)
        && metadata.size == sum.valueText.count
    case (.notFound, .patch(let patch)): patch.amount == nil
    case (.addRefused, .patch(let patch)): patch.amount != nil
    case (.deleted, .delete), (.notFound, .delete): true
    case (.preconditionFailed, _): !write.condition.isEmpty
    case (.stored, .delete), (.deleted, _), (.notFound, .put), (.added, _), (.addRefused, _),
      (.idempotencyMismatch, _):
      false
    }
  }
}

extension Patch {
  /// Whether an entry with this metadata can be the result.
  fileprivate func agrees(with metadata: Metadata) -> Bool {
    if let contentType, metadata.contentType != contentType { return false }
    return switch expiry {
    case .kept: true
    case .never: metadata.expiresAt == nil
    case .after: metadata.expiresAt != nil
    }
  }
}

extension BatchOutcome {
  /// The outcome as bytes, with the values that it read.
  public func encoded() -> [UInt8] {
    var writer = OutcomeWriter(kind: OutcomeCoding.Kind.batch)
    writer.add(self)
    return writer.bytes
  }

  /// Reads what `encoded` returned; nil for other bytes, and for outcomes that the operations of
  /// `batch` can't have.
  public init?(encoded bytes: [UInt8], of batch: Batch) {
    guard let outcome = BatchOutcome(encoded: bytes), outcome.canBeOutcome(of: batch) else {
      return nil
    }
    self = outcome
  }

  /// Reads what `encoded` returned for any batch.
  init?(encoded bytes: [UInt8]) {
    var reader = OutcomeReader(bytes)
    guard reader.readHeader(kind: OutcomeCoding.Kind.batch),
      let outcome = reader.readBatchOutcome(), reader.isAtEnd
    else { return nil }
    self = outcome
  }

  private func canBeOutcome(of batch: Batch) -> Bool {
    switch self {
    case .completed(let outcomes):
      outcomes.count == batch.operations.count
        && zip(outcomes, batch.operations).allSatisfy { $0.canBeOutcome(of: $1) }
    case .preconditionFailed(let index, _):
      batch.isAtomic && batch.operations.indices.contains(index)
        && batch.operations[index].isConditional
    case .addRefused(let index, _):
      batch.isAtomic && batch.operations.indices.contains(index)
        && batch.operations[index].isAddition
    case .idempotencyMismatch: false
    }
  }
}

extension OperationOutcome {
  fileprivate func canBeOutcome(of operation: Batch.Operation) -> Bool {
    switch (self, operation) {
    case (.read(.found(let entry)), .get(let key)):
      entry.metadata.key == key && entry.metadata.size == entry.value.count
    case (.read(.absent), .get), (.readTooLarge, .get): true
    case (.write(let outcome), .write(let write)): outcome.canBeOutcome(of: write)
    case (.read, .write), (.readTooLarge, .write), (.write, .get): false
    }
  }
}

extension Batch.Operation {
  fileprivate var isConditional: Bool {
    if case .write(let write) = self { !write.condition.isEmpty } else { false }
  }

  fileprivate var isAddition: Bool {
    if case .write(let write) = self { write.amount != nil } else { false }
  }
}

/// Writes the layout of `OutcomeCoding`.
private struct OutcomeWriter {
  private(set) var bytes: [UInt8]

  init(kind: UInt8) { bytes = [OutcomeCoding.version, kind] }

  mutating func add(_ outcome: WriteOutcome) {
    switch outcome {
    case .stored(let metadata):
      bytes.append(OutcomeCoding.WriteTag.stored)
      add(metadata)
    case .added(let metadata, let sum):
      bytes.append(OutcomeCoding.WriteTag.added)
      add(metadata)
      add(sum)
    case .deleted(let revision):
      bytes.append(OutcomeCoding.WriteTag.deleted)
      add(revision.number)
    case .notFound:
      bytes.append(OutcomeCoding.WriteTag.notFound)
    case .addRefused(let reason):
      bytes.append(OutcomeCoding.WriteTag.addRefused)
      bytes.append(reason.rawValue)
    case .preconditionFailed(let current):
      bytes.append(OutcomeCoding.WriteTag.preconditionFailed)
      add(current?.number)
    case .idempotencyMismatch:
      bytes.append(OutcomeCoding.WriteTag.idempotencyMismatch)
    }
  }

  mutating func add(_ outcome: BatchOutcome) {
    switch outcome {
    case .completed(let outcomes):
      bytes.append(OutcomeCoding.BatchTag.completed)
      add(count: outcomes.count)
      for outcome in outcomes { add(outcome) }
    case .preconditionFailed(let index, let current):
      bytes.append(OutcomeCoding.BatchTag.preconditionFailed)
      add(count: index)
      add(current?.number)
    case .addRefused(let index, let reason):
      bytes.append(OutcomeCoding.BatchTag.addRefused)
      add(count: index)
      bytes.append(reason.rawValue)
    case .idempotencyMismatch:
      bytes.append(OutcomeCoding.BatchTag.idempotencyMismatch)
    }
  }

  private mutating func add(_ outcome: OperationOutcome) {
    switch outcome {
    case .read(.found(let entry)):
      bytes.append(OutcomeCoding.OperationTag.found)
      add(entry.metadata)
      add(entry.value)
    case .read(.absent(let revision)):
      bytes.append(OutcomeCoding.OperationTag.absent)
      add(revision.number)
    case .readTooLarge:
      bytes.append(OutcomeCoding.OperationTag.readTooLarge)
    case .write(let outcome):
      bytes.append(OutcomeCoding.OperationTag.write)
      add(outcome)
    }
  }

  private mutating func add(_ metadata: Metadata) {
    add(metadata.key.bytes)
    add(metadata.revision.number)
    add(metadata.version)
    add(count: metadata.size)
    add(Array(metadata.contentType.utf8))
    add(metadata.createdAt.microseconds)
    add(metadata.updatedAt.microseconds)
    add(metadata.expiresAt?.microseconds)
  }

  private mutating func add(_ string: [UInt8]) {
    add(count: string.count)
    bytes.append(contentsOf: string)
  }

  private mutating func add(_ number: Int64?) {
    bytes.append(number == nil ? 0 : 1)
    if let number { add(number) }
  }

  private mutating func add(_ number: Int64) {
    add(unsigned: UInt64(bitPattern: number << 1 ^ number >> 63))
  }

  private mutating func add(count: Int) { add(unsigned: UInt64(count)) }

  private mutating func add(unsigned number: UInt64) {
    var rest = number
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}

/// Reads the layout of `OutcomeCoding`. Every method returns nil when the bytes are damaged, and
/// reserves no more memory than there are bytes.
private struct OutcomeReader {
  private var bytes: ByteReader

  init(_ bytes: [UInt8]) { self.bytes = ByteReader(bytes) }

  var isAtEnd: Bool { bytes.isAtEnd }

  mutating func readHeader(kind: UInt8) -> Bool {
    bytes.readByte() == OutcomeCoding.version && bytes.readByte() == kind
  }

  mutating func readWriteOutcome() -> WriteOutcome? {
    switch bytes.readByte() {
    case OutcomeCoding.WriteTag.stored: readMetadata().map { .stored($0) }
    case OutcomeCoding.WriteTag.deleted: readNumber().map { .deleted(Revision($0)) }
    case OutcomeCoding.WriteTag.notFound: .notFound
    case OutcomeCoding.WriteTag.preconditionFailed:
      readOptionalNumber().map { .preconditionFailed(current: $0.map { Revision($0) }) }
    case OutcomeCoding.WriteTag.idempotencyMismatch: .idempotencyMismatch
    case OutcomeCoding.WriteTag.added: readAddition()
    case OutcomeCoding.WriteTag.addRefused: readRefusal().map { .addRefused($0) }
    default: nil
    }
  }

  private mutating func readAddition() -> WriteOutcome? {
    guard let metadata = readMetadata(), let sum = readNumber() else { return nil }
    return .added(metadata, sum: sum)
  }

  private mutating func readRefusal() -> AddRefusal? {
    bytes.readByte().flatMap { AddRefusal(rawValue: $0) }
  }

  mutating func readBatchOutcome() -> BatchOutcome? {
    switch bytes.readByte() {
    case OutcomeCoding.BatchTag.completed:
      guard let count = readCount() else { return nil }
      var outcomes: [OperationOutcome] = []
      for _ in 0..<count {
        // A damaged count ends the loop here, at the end of the bytes.
        guard let outcome = readOperationOutcome() else { return nil }
        outcomes.append(outcome)
      }
      return .completed(outcomes)
    case OutcomeCoding.BatchTag.preconditionFailed:
      guard let index = readCount(), let current = readOptionalNumber() else { return nil }
      return .preconditionFailed(index: index, current: current.map { Revision($0) })
    case OutcomeCoding.BatchTag.addRefused:
      guard let index = readCount(), let reason = readRefusal() else { return nil }
      return .addRefused(index: index, reason)
    case OutcomeCoding.BatchTag.idempotencyMismatch:
      return .idempotencyMismatch
    default:
      return nil
    }
  }

  private mutating func readOperationOutcome() -> OperationOutcome? {
    switch bytes.readByte() {
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

  private mutating func readString() -> [UInt8]? {
    readCount().flatMap { bytes.readBytes($0) }.map { Array($0) }
  }

  private mutating func readCount() -> Int? { readUnsigned().flatMap { Int(exactly: $0) } }

  private mutating func readOptionalNumber() -> Int64?? {
    switch bytes.readByte() {
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
      guard let byte = bytes.readByte() else { return nil }
      // The tenth byte has room for one bit.
      if shift == 63, byte > 1 { return nil }
      number |= UInt64(byte & 0x7F) << UInt64(shift)
      if byte < 0x80 { return number }
    }
    return nil
  }
}
