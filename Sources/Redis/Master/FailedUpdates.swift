internal import KeyValueStore
internal import Synchronization

/// The keys that may be outdated in Redis, because an update of theirs failed after its commit.
/// This process does not serve them from Redis, and remembers them until they are repaired.
///
/// Shared by all loops: a client that writes on one must not read the past on another. Asking for a
/// key costs a relaxed load as long as there is no failed update.
final class FailedUpdates: Sendable {
  private struct State {
    var revisions: [Key: Revision] = [:]
    /// More keys have failed than can be remembered: no key can be trusted.
    var hasOverflown = false
    var isDropping = false
  }

  private let state = Mutex(State())
  /// Keys that are distrusted now.
  private let size = Atomic<Int>(0)
  private let keysMax: Int

  init(keysMax: Int) { self.keysMax = keysMax }

  /// Whether every key can be trusted.
  var isEmpty: Bool { size.load(ordering: .acquiring) == 0 }

  /// Whether what Redis holds of `key` may be outdated.
  func contains(_ key: Key) -> Bool {
    if isEmpty { return false }
    return state.withLock { state in
      state.hasOverflown || state.isDropping || state.revisions[key] != nil
    }
  }

  /// Whether one of these keys is distrusted.
  func containsAny(of updates: [CacheUpdate]) -> Bool {
    if isEmpty { return false }
    return state.withLock { state in
      state.hasOverflown || state.isDropping
        || updates.contains { state.revisions[$0.key] != nil }
    }
  }

  /// Remembers updates that Redis may not have.
  func insert(_ updates: [CacheUpdate]) {
    state.withLock { state in
      for update in updates where !state.hasOverflown {
        let revision = update.revision
        if let known = state.revisions[update.key], known >= revision { continue }
        state.revisions[update.key] = revision
        if state.revisions.count > keysMax {
          state.hasOverflown = true
          state.revisions = [:]
        }
      }
      publish(state)
    }
  }

  /// At most `limit` keys to repair.
  func some(_ limit: Int) -> [(key: Key, revision: Revision)] {
    state.withLock { state in
      state.revisions.prefix(limit).map { (key: $0.key, revision: $0.value) }
    }
  }

  /// Forgets what was repaired, unless a newer update has failed meanwhile. Returns how many keys
  /// it forgot: two loops may have repaired the same one.
  func remove(_ repaired: [(key: Key, revision: Revision)]) -> Int {
    state.withLock { state in
      let count = state.revisions.count
      for (key, revision) in repaired where state.revisions[key] == revision {
        state.revisions[key] = nil
      }
      publish(state)
      return count - state.revisions.count
    }
  }

  /// Begins to drop the whole cache. False: there is no need, or another loop is doing it.
  func beginDrop() -> Bool {
    state.withLock { state in
      guard state.hasOverflown, !state.isDropping else { return false }
      // Updates that fail from now on are remembered again: the drop may come before them.
      state.isDropping = true
      state.hasOverflown = false
      publish(state)
      return true
    }
  }

  /// Ends what `beginDrop` began.
  func endDrop(succeeded: Bool) {
    state.withLock { state in
      state.isDropping = false
      if !succeeded {
        state.hasOverflown = true
        state.revisions = [:]
      }
      publish(state)
    }
  }

  private func publish(_ state: borrowing State) {
    let isAll = state.hasOverflown || state.isDropping
    size.store(isAll ? Int.max : state.revisions.count, ordering: .releasing)
  }
}
