import Embedded
import Foundation
import KeyValueStore
import Synchronization

/// What stands behind a handler: the embedded adapter on a folder of its own, and a hand on what
/// can fail.
struct Backing: Sendable {
  let clock = TestClock()
  let database: FaultyDatabase
  let cache: EmbeddedCache
  let queue: ScriptedQueue
  let feed = EmbeddedChangeFeed()
  let inFlight = IdempotencyRegistry()
  let pauses = Pauses()
  private let folder = TemporaryFolder()

  /// Opens a database; a test that can't have one ends here.
  init() {
    var configuration = EmbeddedConfiguration()
    configuration.dataFolder = folder.path
    configuration.now = { [clock] in clock.now }
    do {
      database = FaultyDatabase(try EmbeddedDatabase(configuration))
    } catch {
      fatalError("no database for a test: \(error)")
    }
    cache = EmbeddedCache(bytesMax: 16 << 20, now: configuration.now)
    queue = ScriptedQueue(database: database)
  }
}

/// The time of day, and more if a test says so.
final class TestClock: Sendable {
  private let ahead = Atomic<Int64>(0)

  var now: Timestamp {
    Timestamp.systemTime().adding(seconds: ahead.load(ordering: .relaxed))
  }

  func advance(seconds: Int64) { ahead.wrappingAdd(seconds, ordering: .relaxed) }
}

/// A folder that goes when nobody needs it any more.
private final class TemporaryFolder: Sendable {
  let path: String

  init() {
    path = FileManager.default.temporaryDirectory.path + "/kv-api-tests-" + UUID().uuidString
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
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
