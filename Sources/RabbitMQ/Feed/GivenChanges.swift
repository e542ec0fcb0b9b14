import KeyValueStore

/// The last change that was given out of each key, for a bounded number of keys.
///
/// There are two generations. A change goes into the younger one; once that is full, it becomes the
/// older one, and what the older one held is forgotten.
struct GivenChanges {
  /// The last change of a key.
  struct Last {
    fileprivate(set) var revision: Revision
    /// Of its last put: when the key was created, the version and the expiry.
    fileprivate(set) var createdAt: Timestamp
    fileprivate(set) var version: Int64
    fileprivate(set) var expiresAt: Timestamp?
    /// From this revision to its last put, all puts of that creation have been given out.
    fileprivate var firstRevision: Revision
    /// The revision of its last delete or expiry.
    fileprivate var endRevision: Revision

    /// Whether the change is a put.
    var isPut: Bool { revision != endRevision }

    /// Whether a change that is not newer has certainly been given out.
    func covers(_ change: Change) -> Bool {
      switch change.kind {
      case .put(let metadata):
        metadata.createdAt == createdAt && metadata.version <= version
          && change.revision >= firstRevision
      case .delete, .expire: change.revision == endRevision
      }
    }
  }

  /// By the hash of the key: it has 64 bits, and differs between processes. Should two keys ever
  /// share one, their changes would wait for too long or too short a time. None would be lost,
  /// unless both keys were created, or deleted, in the same microsecond.
  private var younger: [Int: Last] = [:]
  private var older: [Int: Last] = [:]
  /// Most keys in both generations.
  var keysMax: Int

  init(keysMax: Int) { self.keysMax = keysMax }

  subscript(_ key: Key) -> Last? {
    let hash = key.hashValue
    return younger[hash] ?? older[hash]
  }

  /// Adds a change that follows `last`, which is what is remembered of its key.
  mutating func add(_ change: Change, after last: Last?) {
    var next =
      last
      ?? Last(
        revision: .none, createdAt: Timestamp(microseconds: .min), version: 0, expiresAt: nil,
        firstRevision: .none, endRevision: .none)
    switch change.kind {
    case .put(let metadata):
      let isNext =
        last?.isPut == true && next.createdAt == metadata.createdAt
        && next.version + 1 == metadata.version
      if !isNext { next.firstRevision = change.revision }
      next.createdAt = metadata.createdAt
      next.version = metadata.version
      next.expiresAt = metadata.expiresAt
    case .delete, .expire:
      next.endRevision = change.revision
    }
    next.revision = change.revision
    younger[change.key.hashValue] = next
    if younger.count >= keysMax / 2 {
      older = younger
      younger = [:]
    }
  }
}
