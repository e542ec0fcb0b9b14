import Embedded
import KeyValueStore
import Synchronization

/// What stands behind a handler: the embedded adapter, and a hand on what can fail.
struct Backing: Sendable {
  let database: FaultyDatabase
  let cache: any Cache & Sendable
  let queue: ScriptedQueue
  let feed: any ChangeFeed & Sendable
  let inFlight = IdempotencyRegistry()
  let pauses = Pauses()
  let now: WallClock
}

/// The pauses that a handler made, instead of making them.
final class Pauses: Sendable {
  private let recorded = Mutex<[Duration]>([])
  private let reaction = Mutex<@Sendable (Int) async -> Void>({ _ in })

  var all: [Duration] { recorded.withLock { $0 } }

  /// What happens during the pauses, from the first (1) on.
  func during(_ reaction: @escaping @Sendable (Int) async -> Void) {
    self.reaction.withLock { $0 = reaction }
  }

  func make(_ duration: Duration) async {
    let count = recorded.withLock {
      $0.append(duration)
      return $0.count
    }
    await reaction.withLock { $0 }(count)
  }
}
