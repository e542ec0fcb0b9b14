import Synchronization

/// Changes that the feed can't lose any more and the database may forget: from the feed's thread to
/// whichever loop commits next, whose commit deletes them from the outbox on its way.
///
/// One a process. It is bounded: what does not fit is published a second time by kv-worker.
public final class PublishedChanges: Sendable {
  /// The row of an outbox.
  public struct Row: Hashable, Sendable {
    /// The key that changed.
    public let key: Key
    /// The revision that the change gave it.
    public let revision: Revision

    /// The row of one change.
    public init(key: Key, revision: Revision) {
      self.key = key
      self.revision = revision
    }
  }

  private let rowsMax: Int
  private let rows = Mutex<[Row]>([])

  /// An empty list of at most `rowsMax` changes.
  public init(rowsMax: Int = 100_000) { self.rowsMax = rowsMax }

  /// How many wait to be forgotten.
  public var count: Int { rows.withLock { $0.count } }

  /// Adds changes, also such as were taken but could not be deleted.
  public func add(_ added: some Sequence<Row>) {
    rows.withLock { rows in
      for row in added {
        guard rows.count < rowsMax else { return }
        rows.append(row)
      }
    }
  }

  /// Takes at most `limit` of them out, the oldest first.
  public func take(limit: Int) -> [Row] {
    rows.withLock { rows in
      if rows.isEmpty { return [] }
      let taken = Array(rows.prefix(limit))
      rows.removeFirst(taken.count)
      return taken
    }
  }
}
