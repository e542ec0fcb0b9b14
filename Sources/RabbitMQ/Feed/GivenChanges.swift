import KeyValueStore

/// The last change that was given out of each key, for a bounded number of keys.
///
/// There are two generations. A change goes into the younger one; once that is full, it becomes the
/// older one, and what the older one held is forgotten.
struct GivenChanges {
  /// The last change of a key.
  struct Last {
    fileprivate(set) var revision: Revision
    /// All changes from this revision on have been given out.
    fileprivate var firstRevision: Revision

    /// Whether a change that is not newer has certainly been given out.
    func covers(_ change: Change) -> Bool { change.revision >= firstRevision }
  }

  /// By the hash of the key: it has 64 bits, and differs between processes. Should two keys ever
  /// share one, their changes would wait for too long or too short a time, and some of them might
  /// not be given out again.
  private var younger: [Int: Last] = [:]
  private var older: [Int: Last] = [:]
  /// The newest change that is no longer remembered.
  private var newestForgotten = Revision.none
  /// Most keys in both generations.
  var keysMax: Int

  init(keysMax: Int) { self.keysMax = keysMax }

  subscript(_ key: Key) -> Last? {
    let hash = key.hashValue
    return younger[hash] ?? older[hash]
  }

  /// Whether a change of a key of which nothing is remembered may have been given out.
  func mayHaveForgotten(_ revision: Revision) -> Bool { revision <= newestForgotten }

  /// Adds a change that follows `last`, which is what is remembered of its key.
  mutating func add(_ change: Change, after last: Last?) {
    var next = Last(revision: change.revision, firstRevision: change.revision)
    if change.previous == Revision.none {
      next.firstRevision = .none
    } else if let last, change.previous == last.revision {
      next.firstRevision = last.firstRevision
    }
    younger[change.key.hashValue] = next
    guard younger.count >= keysMax / 2 else { return }
    for forgotten in older.values { newestForgotten = max(newestForgotten, forgotten.revision) }
    older = younger
    younger = [:]
  }
}
