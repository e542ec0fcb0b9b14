/// A change of one key that a client asked for.
public struct Write: Equatable, Sendable {
  /// The key to change.
  public var key: Key
  /// What to do to it.
  public var mutation: Mutation
  /// When to do it.
  public var condition: Condition
  /// Under which name to remember the first result; nil: not at all.
  public var idempotency: IdempotencyKey?

  /// What a write does.
  public enum Mutation: Equatable, Sendable {
    /// Stores a value; `timeToLive` in seconds from the commit, or from the acceptance if it is
    /// queued, 1 to 315,360,000; nil: for ever.
    case put(value: [UInt8], contentType: String, timeToLive: Int64?)
    /// Removes the entry and leaves a tombstone.
    case delete
  }

  /// The longest time to live, in seconds: ten years.
  public static let timeToLiveMax: Int64 = 315_360_000

  /// A write, unconditional unless told otherwise.
  public init(
    key: Key, mutation: Mutation, condition: Condition = .none, idempotency: IdempotencyKey? = nil
  ) {
    self.key = key
    self.mutation = mutation
    self.condition = condition
    self.idempotency = idempotency
  }

  /// What the write weighs in a batch: the bytes of its key, content type and value.
  public var weight: Int {
    switch mutation {
    case .put(let value, let contentType, _):
      key.bytes.count + contentType.utf8.count + value.count
    case .delete: key.bytes.count
    }
  }
}
