import Synchronization

/// The commits whose changes the feed can't lose any more, so that the database may forget them:
/// from the feed's thread to whichever loop settles them next.
///
/// One a process. It is bounded: what does not fit is published a second time by kv-worker.
public final class PublishedChanges: Sendable {
  private let countMax: Int
  private let ids = Mutex<[OutboxID]>([])

  /// An empty list of at most `countMax` commits.
  public init(countMax: Int = 100_000) { self.countMax = countMax }

  /// How many wait to be forgotten.
  public var count: Int { ids.withLock { $0.count } }

  /// Adds commits, also such as were taken but could not be settled.
  public func add(_ added: some Sequence<OutboxID>) {
    ids.withLock { ids in
      for id in added {
        guard ids.count < countMax else { return }
        ids.append(id)
      }
    }
  }

  /// Takes at most `limit` of them out, the oldest first.
  public func take(limit: Int) -> [OutboxID] {
    ids.withLock { ids in
      if ids.isEmpty { return [] }
      let taken = Array(ids.prefix(limit))
      ids.removeFirst(taken.count)
      return taken
    }
  }
}
