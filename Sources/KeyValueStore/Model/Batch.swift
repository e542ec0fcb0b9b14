/// Several operations that take effect in order and in one transaction (`POST /batch`).
public struct Batch: Equatable, Sendable {
  /// In the client's order; a key may occur more than once.
  public var operations: [Operation]
  /// True: all or nothing; a condition that fails undoes the whole batch.
  /// False: it fails only its own operation.
  public var isAtomic: Bool
  /// Under which name to remember the first result; nil: not at all.
  public var idempotency: IdempotencyKey?
  /// Most bytes of values that its gets return altogether; a value beyond them is left out.
  public var readBytesMax: Int

  /// One step of a batch. A write here carries no idempotency key of its own.
  public enum Operation: Equatable, Sendable {
    /// Reads the key as the operations before left it.
    case get(Key)
    /// Writes.
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
