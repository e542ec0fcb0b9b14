/// Writes the layout of `OutcomeCoding`.
struct OutcomeWriter {
  private(set) var bytes: [UInt8]

  init(kind: UInt8) { bytes = [OutcomeCoding.version, kind] }

  mutating func add(_ outcome: WriteOutcome) {
    switch outcome {
    case .stored(let metadata):
      bytes.append(OutcomeCoding.WriteTag.stored)
      add(metadata)
    case .deleted(let revision):
      bytes.append(OutcomeCoding.WriteTag.deleted)
      add(revision.number)
    case .notFound:
      bytes.append(OutcomeCoding.WriteTag.notFound)
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
