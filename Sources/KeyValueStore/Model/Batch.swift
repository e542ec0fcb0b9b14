/// Several operations that take effect in order and in one transaction (`POST /batch`).
public struct Batch: Equatable, Sendable {
  /// In the client's order; a key may occur more than once.
  public var operations: [Operation]
  /// True: all or nothing, a false condition undoes the whole batch. False: it fails only its own
  /// operation.
  public var isAtomic: Bool
  /// The name under which the first result is kept; nil: it is not kept.
  public var idempotency: IdempotencyKey?
  /// Most bytes of values that the gets of the batch return altogether. A value that exceeds them
  /// is left out.
  public var readBytesMax: Int

  /// One step of a batch. A write here carries no idempotency key of its own.
  public enum Operation: Equatable, Sendable {
    /// Reads the key as the earlier operations left it.
    case get(Key)
    case write(Write)
  }

  /// A batch of at most 1,000 operations.
  public init(
    operations: [Operation], isAtomic: Bool, idempotency: IdempotencyKey? = nil,
    readBytesMax: Int = 8 << 20
  ) {
    self.operations = operations
    self.isAtomic = isAtomic
    self.idempotency = idempotency
    self.readBytesMax = readBytesMax
  }

  /// What the batch counts for against bounds in bytes: its keys, content types and values.
  public var weight: Int {
    operations.reduce(0) { sum, operation in
      switch operation {
      case .get(let key): sum + key.bytes.count
      case .write(let write): sum + write.weight
      }
    }
  }

  /// The writes that changed their key, in order.
  public func writesMade(
    _ outcomes: [OperationOutcome]
  ) -> [(write: Write, outcome: WriteOutcome)] {
    zip(operations, outcomes).compactMap { operation, outcome in
      guard case .write(let write) = operation, case .write(let outcome) = outcome,
        outcome.hasWritten
      else { return nil }
      return (write, outcome)
    }
  }
}

/// The result of a batch.
public enum BatchOutcome: Equatable, Sendable {
  /// Committed. One outcome for each operation, in order.
  case completed([OperationOutcome])
  /// The batch is atomic and the condition of operation `index` was false. Nothing was written.
  case preconditionFailed(index: Int, current: Revision?)
  /// The batch is atomic and nothing could be added by operation `index`. Nothing was written.
  case addRefused(index: Int, AddRefusal)
  /// The idempotency key was used before with another request. Nothing was written.
  case idempotencyMismatch
}

extension BatchOutcome {
  /// The outcome of an atomic batch whose operation `index` had this outcome; nil: the batch goes
  /// on.
  public init?(undoneBy outcome: WriteOutcome, at index: Int) {
    switch outcome {
    case .preconditionFailed(let current):
      self = .preconditionFailed(index: index, current: current)
    case .addRefused(let reason): self = .addRefused(index: index, reason)
    case .stored, .added, .deleted, .notFound, .idempotencyMismatch: return nil
    }
  }
}

/// The result of one operation of a batch.
public enum OperationOutcome: Equatable, Sendable {
  /// A get: the entry, or its absence.
  case read(Lookup)
  /// A get whose value would have exceeded the batch's `readBytesMax`.
  case readTooLarge
  case write(WriteOutcome)
}

/// A batch's outcome, and whether it is that of an earlier request with the same idempotency key.
public struct BatchReceipt: Equatable, Sendable {
  public let outcome: BatchOutcome
  /// True: this is the stored outcome of an earlier request, and nothing was written this time.
  public let isReplayed: Bool
  /// The commit of the changes; nil: there are none, or it needs no name.
  public let outbox: OutboxID?
  /// What each change of the batch follows, in their order (see `Change`); empty: that is not
  /// known.
  public let previous: [Revision?]

  public init(
    outcome: BatchOutcome, isReplayed: Bool = false, outbox: OutboxID? = nil,
    previous: [Revision?] = []
  ) {
    self.outcome = outcome
    self.isReplayed = isReplayed
    self.outbox = outbox
    self.previous = previous
  }
}
