import Synchronization

/// A committed change of one key, as caches and watchers receive it.
public struct Change: Equatable, Sendable {
  public let key: Key
  /// The key's revision after the change. It orders the changes of one key.
  public let revision: Revision
  public let kind: Kind
  /// The revision of the key's change before this one; `.none`: there was none, nil: it is not
  /// known. It tells whether a change is missing.
  public let previous: Revision?

  public enum Kind: Equatable, Sendable {
    /// A value was stored.
    case put(Metadata)
    /// The entry was deleted.
    case delete
    /// The entry expired and was purged.
    case expire
  }

  public init(key: Key, revision: Revision, kind: Kind, previous: Revision? = nil) {
    self.key = key
    self.revision = revision
    self.kind = kind
    self.previous = previous
  }
}

/// Names the changes of one commit, which a database keeps in its outbox until they are settled.
public struct OutboxID: Hashable, Sendable {
  /// The time of the commit, by the database's clock or close to it. Old rows are searched by it.
  public let committedAt: Timestamp
  /// Distinguishes commits of the same time; not negative. Random, where processes share the
  /// database. Otherwise commits are counted, from 0, so that their changes can be put in order.
  public let number: Int64
  /// Whether other processes are asked to repair the cache at once.
  public let awaitsRepair: Bool

  public init(committedAt: Timestamp, number: Int64, awaitsRepair: Bool = false) {
    self.committedAt = committedAt
    self.number = number
    self.awaitsRepair = awaitsRepair
  }

  /// The name of the same commit, with or without a request to repair the cache.
  public func awaitingRepair(_ awaitsRepair: Bool) -> OutboxID {
    OutboxID(committedAt: committedAt, number: number, awaitsRepair: awaitsRepair)
  }
}

/// The changes of one commit, in its order.
public struct OutboxBatch: Equatable, Sendable {
  /// The name by which the changes are settled or put in order; nil: they need neither.
  public let id: OutboxID?
  public var changes: [Change]

  public init(id: OutboxID?, changes: [Change]) {
    self.id = id
    self.changes = changes
  }
}

/// The commits whose changes the feed can't lose any more, so that the database may settle them.
/// The feed's thread adds them, and the database's loops take them.
///
/// A process has one. It is bounded: kv-worker publishes the changes of commits beyond the bound a
/// second time.
public final class PublishedChanges: Sendable {
  private let countMax: Int
  private let ids = Mutex<[OutboxID]>([])

  /// An empty list of at most `countMax` commits.
  public init(countMax: Int = 100_000) { self.countMax = countMax }

  /// The number of commits that are not settled yet.
  public var count: Int { ids.withLock { $0.count } }

  /// Adds commits, also those that were taken but could not be settled.
  public func add(_ added: some Sequence<OutboxID>) {
    ids.withLock { ids in
      for id in added {
        guard ids.count < countMax else { return }
        ids.append(id)
      }
    }
  }

  /// Removes and returns at most `limit` commits, the oldest first.
  public func take(limit: Int) -> [OutboxID] {
    ids.withLock { ids in
      if ids.isEmpty { return [] }
      let taken = Array(ids.prefix(limit))
      ids.removeFirst(taken.count)
      return taken
    }
  }
}
