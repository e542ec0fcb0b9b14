public import KeyValueStore
import Synchronization

/// A change feed in this process: the last changes in a bounded buffer.
///
/// Shared by all event loops. A watcher that waits is resumed on its own loop; publishing appends
/// and resumes, and waits for nobody.
public final class EmbeddedChangeFeed: ChangeFeed, Sendable {
  private let state: Mutex<State>

  private struct State {
    var buffer: FeedBuffer
    var waiting: [UInt64: CheckedContinuation<Void, Never>] = [:]
    var lastWatcher: UInt64 = 0
  }

  /// A feed that keeps at most `eventsMax` changes of at most `bytesMax` bytes.
  ///
  /// Its first offset is the time of its start, `now`, in µs. Offsets grow by one a message, of
  /// which there is never one a µs: a position from before a restart is less than all positions of
  /// this feed, and so known to be gone. Only a clock that was set back between two starts could
  /// make it look like one of this feed's.
  public init(eventsMax: Int = 65_536, bytesMax: Int = 16 << 20, now: Timestamp = .systemTime()) {
    state = Mutex(
      State(
        buffer: FeedBuffer(
          firstOffset: now.microseconds, eventsMax: eventsMax, bytesMax: bytesMax)))
  }

  /// Nothing is on its way: returns at once.
  public func flush() async throws(StoreError) {}

  /// See `ChangeFeed`. Throws nothing.
  public func publish(_ changes: [Change], settling id: OutboxID?) async throws(StoreError) {
    if changes.isEmpty { return }
    let waiting = state.withLock { state in
      state.buffer.append(changes)
      defer { state.waiting.removeAll(keepingCapacity: true) }
      return Array(state.waiting.values)
    }
    // Outside the lock: resuming takes the lock of each watcher's loop.
    for watcher in waiting { watcher.resume() }
  }

  /// See `ChangeFeed`. Throws nothing.
  public func subscribe(
    after position: FeedPosition?
  ) async throws(StoreError) -> (any ChangeSubscription)? {
    state.withLock { state in
      guard let position else {
        return subscription(&state, after: state.buffer.end)
      }
      guard state.buffer.contains(position) else { return nil }
      return subscription(&state, after: position)
    }
  }

  /// Watchers that wait for a change now.
  public var waitingWatchers: Int { state.withLock { $0.waiting.count } }

  private func subscription(
    _ state: inout State, after position: FeedPosition
  ) -> EmbeddedChangeSubscription {
    state.lastWatcher += 1
    return EmbeddedChangeSubscription(feed: self, watcher: state.lastWatcher, after: position)
  }

  // MARK: For subscriptions

  /// Events after `position`, none if there are none yet, nil if they are no longer kept.
  func events(after position: FeedPosition, max: Int) -> [FeedEvent]? {
    state.withLock { $0.buffer.events(after: position, max: max) }
  }

  /// Returns once there are events after `position`, or the task is cancelled.
  func wait(_ watcher: UInt64, for position: FeedPosition) async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let mustWait = state.withLock { state in
          // Asked under the lock: `cancel` comes after the flag is set, so that it either finds the
          // continuation or the flag is found here.
          if Task.isCancelled || state.buffer.end > position { return false }
          state.waiting[watcher] = continuation
          return true
        }
        if !mustWait { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.waiting.removeValue(forKey: watcher) }?.resume()
    }
  }
}
