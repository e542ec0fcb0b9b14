import KeyValueStore

/// What stands behind the stores of one process, under a test's control.
struct Backing: Sendable {
  let clock: TestClock
  let database: GatedDatabase
  let cache = GatedCache()
  let feed = RecordingFeed()
  let queue: ScriptedQueue
  let observer = RecordingObserver()
  let inFlight = IdempotencyRegistry()

  init() {
    let clock = TestClock()
    self.clock = clock
    database = GatedDatabase(InMemoryDatabase(now: { clock.now }))
    queue = ScriptedQueue(database: database)
  }
}
