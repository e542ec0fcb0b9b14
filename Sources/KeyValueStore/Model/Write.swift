/// A change of one key that a client asked for.
public struct Write: Equatable, Sendable {
  public var key: Key
  public var mutation: Mutation
  /// What must be true of the key for the write to happen.
  public var condition: Condition
  /// The name under which the first result is kept; nil: it is not kept.
  public var idempotency: IdempotencyKey?

  public enum Mutation: Equatable, Sendable {
    /// Stores a value. `timeToLive` is in seconds, 1 to 315,360,000, and counts from the commit, or
    /// from the acceptance of a queued write; nil: the entry never expires.
    case put(value: [UInt8], contentType: String, timeToLive: Int64?)
    /// Removes the entry and leaves a tombstone.
    case delete
    /// Changes the entry, or adds to its value. It is never queued: what it does depends on what
    /// the key holds.
    case patch(Patch)
  }

  /// The longest time to live, in seconds: ten years.
  public static let timeToLiveMax: Int64 = 315_360_000

  public init(
    key: Key, mutation: Mutation, condition: Condition = .none, idempotency: IdempotencyKey? = nil
  ) {
    self.key = key
    self.mutation = mutation
    self.condition = condition
    self.idempotency = idempotency
  }

  /// What is added to the value; nil: this is no addition.
  public var amount: Int64? {
    if case .patch(let patch) = mutation { patch.amount } else { nil }
  }

  /// What the write counts for against bounds in bytes: its key, content type and value.
  public var weight: Int {
    switch mutation {
    case .put(let value, let contentType, _):
      key.bytes.count + contentType.utf8.count + value.count
    case .delete: key.bytes.count
    case .patch(let patch):
      key.bytes.count + (patch.contentType?.utf8.count ?? 0)
        + (patch.amount == nil ? 0 : Int64.textBytesMax)
    }
  }
}

/// What must be true of a key for a write to happen (RFC 9110 §13). The statement that writes
/// decides it.
public struct Condition: Equatable, Sendable {
  /// The entry must exist and match (`If-Match`).
  public var ifMatch: Match?
  /// The entry must not exist, or not match (`If-None-Match`).
  public var ifNoneMatch: Match?

  /// The entries that a header field names.
  public enum Match: Equatable, Sendable {
    /// `*`: any entry.
    case any
    /// These revisions. A tag that can't be a revision is left out: it matches nothing.
    case revisions([Revision])

    public func includes(_ revision: Revision) -> Bool {
      switch self {
      case .any: true
      case .revisions(let revisions): revisions.contains(revision)
      }
    }
  }

  public init(ifMatch: Match? = nil, ifNoneMatch: Match? = nil) {
    self.ifMatch = ifMatch
    self.ifNoneMatch = ifNoneMatch
  }

  /// Always true.
  public static let none = Condition()

  /// Whether the condition is true of every key.
  public var isEmpty: Bool { ifMatch == nil && ifNoneMatch == nil }

  /// Whether the condition is true of a key whose live entry has `revision`; nil: it has no live
  /// entry.
  public func holds(for revision: Revision?) -> Bool {
    if let ifMatch {
      guard let revision, ifMatch.includes(revision) else { return false }
    }
    if let ifNoneMatch, let revision, ifNoneMatch.includes(revision) { return false }
    return true
  }
}

/// The result of a write.
public enum WriteOutcome: Equatable, Sendable {
  /// Committed. The entry is new when its `version` is 1.
  case stored(Metadata)
  /// Committed: an addition, whose sum is the value. The entry is new when its `version` is 1.
  case added(Metadata, sum: Int64)
  /// Committed. The tombstone has this revision.
  case deleted(Revision)
  /// There was nothing to delete, or no entry to patch.
  case notFound
  /// Nothing could be added to the value.
  case addRefused(AddRefusal)
  /// The condition was false; `current` is the live entry's revision, nil if there is none.
  case preconditionFailed(current: Revision?)
  /// The idempotency key was used before with another request. Nothing was written.
  case idempotencyMismatch

  /// Whether the key has a new revision.
  public var hasWritten: Bool {
    switch self {
    case .stored, .added, .deleted: true
    case .notFound, .addRefused, .preconditionFailed, .idempotencyMismatch: false
    }
  }

  /// The change that a write of `key` with this outcome made, `previous` being the revision of the
  /// one before; nil: none.
  public func change(of key: Key, after previous: Revision? = nil) -> Change? {
    switch self {
    case .stored(let metadata), .added(let metadata, _):
      Change(key: key, revision: metadata.revision, kind: .put(metadata), previous: previous)
    case .deleted(let revision):
      Change(key: key, revision: revision, kind: .delete, previous: previous)
    case .notFound, .addRefused, .preconditionFailed, .idempotencyMismatch: nil
    }
  }
}

/// A write's outcome, and whether it is that of an earlier request with the same idempotency key.
public struct WriteReceipt: Equatable, Sendable {
  public let outcome: WriteOutcome
  /// True: this is the stored outcome of an earlier request, and nothing was written this time.
  public let isReplayed: Bool
  /// The commit of the change; nil: there is none, or it needs no name.
  public var outbox: OutboxID?
  /// What the change follows: see `Change`.
  public let previous: Revision?

  public init(
    outcome: WriteOutcome, isReplayed: Bool = false, outbox: OutboxID? = nil,
    previous: Revision? = nil
  ) {
    self.outcome = outcome
    self.isReplayed = isReplayed
    self.outbox = outbox
    self.previous = previous
  }

  /// The change of the write of `key` that has this receipt; nil: there is none.
  public func change(of key: Key) -> Change? { outcome.change(of: key, after: previous) }
}

/// The receipt of one write of several, or why it has none.
public typealias WriteResult = Result<WriteReceipt, StoreError>
