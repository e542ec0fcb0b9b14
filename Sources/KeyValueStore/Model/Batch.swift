/// Several operations that take effect in order and in one transaction (`POST /batch`).
public struct Batch: Equatable, Sendable {
  /// In the client's order; a key may occur more than once.
  public var operations: [Operation]
  /// True: all or nothing; a condition that fails undoes the whole batch.
  /// False: it fails only its own operation.
  public var isAtomic: Bool
  /// Under which name to remember the first result; nil: not at all.
  public var idempotency: IdempotencyKey?

  /// One step of a batch. A write here carries no idempotency key of its own.
  public enum Operation: Equatable, Sendable {
    /// Reads the key as the operations before left it.
    case get(Key)
    /// Writes.
    case write(Write)
  }

  /// A batch of at most 1,000 operations.
  public init(operations: [Operation], isAtomic: Bool, idempotency: IdempotencyKey? = nil) {
    self.operations = operations
    self.isAtomic = isAtomic
    self.idempotency = idempotency
  }

  /// The bytes of its keys and values.
  public var weight: Int {
    operations.reduce(0) { sum, operation in
      switch operation {
      case .get(let key): sum + key.bytes.count
      case .write(let write): sum + write.weight
      }
    }
  }
}

/// What became of a batch.
public enum BatchOutcome: Equatable, Sendable {
  /// Committed: one outcome an operation, in order.
  case completed([OperationOutcome])
  /// Atomic, and the condition of operation `index` did not hold: nothing was written.
  case preconditionFailed(index: Int, current: Revision?)
  /// The idempotency key was used before with another request. Nothing was written.
  case idempotencyMismatch
}

/// What became of one operation of a batch.
public enum OperationOutcome: Equatable, Sendable {
  /// A get: the entry, or its absence.
  case read(Lookup)
  /// A put or delete.
  case write(WriteOutcome)
}

/// A batch's outcome, and whether it is that of an earlier request with the same idempotency key.
public struct BatchReceipt: Equatable, Sendable {
  /// What became of the batch.
  public let outcome: BatchOutcome
  /// True: the stored outcome of an earlier request; nothing was written this time.
  public let isReplayed: Bool

  /// A receipt, of a first attempt unless told otherwise.
  public init(outcome: BatchOutcome, isReplayed: Bool = false) {
    self.outcome = outcome
    self.isReplayed = isReplayed
  }
}
