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
    /// Stores a value; `timeToLive` in seconds from the commit, 1 to 315,360,000, nil: for ever.
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

/// What became of a write.
public enum WriteOutcome: Equatable, Sendable {
  /// Committed; new when `version` is 1.
  case stored(Metadata)
  /// Committed: the tombstone has this revision.
  case deleted(Revision)
  /// There was nothing to delete.
  case notFound
  /// The condition did not hold; `current` is the live entry's revision, nil if there is none.
  case preconditionFailed(current: Revision?)
  /// The idempotency key was used before with another request. Nothing was written.
  case idempotencyMismatch

  /// Whether the key has a new revision.
  public var hasWritten: Bool {
    switch self {
    case .stored, .deleted: true
    case .notFound, .preconditionFailed, .idempotencyMismatch: false
    }
  }
}

/// A write's outcome, and whether it is that of an earlier request with the same idempotency key.
public struct WriteReceipt: Equatable, Sendable {
  /// What became of the write.
  public let outcome: WriteOutcome
  /// True: the stored outcome of an earlier request; nothing was written this time.
  public let isReplayed: Bool

  /// A receipt, of a first attempt unless told otherwise.
  public init(outcome: WriteOutcome, isReplayed: Bool = false) {
    self.outcome = outcome
    self.isReplayed = isReplayed
  }
}

/// The name under which a request's first result is kept for 24 h.
public struct IdempotencyKey: Hashable, Sendable {
  /// Who sent it and what they called it; unique a principal.
  public let name: String
  /// Digest of method, path, query, conditions and body: another request under the same name is
  /// refused.
  public let fingerprint: [UInt8]

  /// A key; `fingerprint` is a SHA-256.
  public init(name: String, fingerprint: [UInt8]) {
    self.name = name
    self.fingerprint = fingerprint
  }
}
