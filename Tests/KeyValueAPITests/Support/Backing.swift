import Embedded
import Foundation
import KeyValueStore
import Synchronization

/// What a handler works on: the embedded adapters on a folder of its own, with a database and a
/// queue that fail when a test says so.
struct Backing: Sendable {
  let clock = RunningClock()
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

/// The time of day, and later if a test says so. It runs: a queued write is superseded by what was
/// written after its acceptance.
final class RunningClock: Sendable {
  private let ahead = Atomic<Int64>(0)

  var now: Timestamp {
    Timestamp.systemTime().adding(seconds: ahead.load(ordering: .relaxed))
  }

  func advance(seconds: Int64) { ahead.wrappingAdd(seconds, ordering: .relaxed) }
}

/// A folder that is removed with its last owner.
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

/// A database that fails when a test says so, and is the wrapped one otherwise.
final class FaultyDatabase: Database, Sendable {
  private let wrapped: any Database & Sendable
  private let failure = Mutex<StoreError?>(nil)
  private let count = Mutex(0)
  private let lost = Mutex<[Write]?>(nil)
  private let reads = Mutex(Reads())

  private struct Reads {
    var count = 0
    var isHeld = false
    var held: [CheckedContinuation<Void, Never>] = []
  }

  init(_ wrapped: any Database & Sendable) { self.wrapped = wrapped }

  /// Every call fails with `error` from now on; nil: none does.
  func fail(with error: StoreError?) { failure.withLock { $0 = error } }

  /// The next call that writes takes effect but fails with `outcomeUnknown`, after others have
  /// written `since`.
  func loseOutcome(before since: Write...) { lost.withLock { $0 = since } }

  /// Calls that have written, or tried to.
  var writeCalls: Int { count.withLock { $0 } }

  /// Calls that have read keys, or tried to.
  var readCalls: Int { reads.withLock { $0.count } }

  /// Reads of keys wait from now on.
  func holdReads() { reads.withLock { $0.isHeld = true } }

  /// Returns once a read waits.
  func untilReadHeld() async {
    while reads.withLock({ $0.held.isEmpty }) { await Task.yield() }
  }

  /// The reads that wait go on, and no more wait.
  func letReadsGo() {
    let held = reads.withLock { reads in
      defer { reads = Reads(count: reads.count) }
      return reads.held
    }
    for read in held { read.resume() }
  }

  private func check() throws(StoreError) {
    if let error = failure.withLock({ $0 }) { throw error }
  }

  func read(_ keys: [Key]) async throws(StoreError) -> [Lookup] {
    await withCheckedContinuation { caller in
      let mustWait = reads.withLock { reads in
        reads.count += 1
        if reads.isHeld { reads.held.append(caller) }
        return reads.isHeld
      }
      if !mustWait { caller.resume() }
    }
    try check()
    return try await wrapped.read(keys)
  }

  func write(each writes: [Write], isPatient: Bool) async -> [WriteResult] {
    count.withLock { $0 += 1 }
    do throws(StoreError) { try check() } catch { return writes.map { _ in .failure(error) } }
    let results = await wrapped.write(each: writes, isPatient: isPatient)
    let since = lost.withLock { lost in
      defer { lost = nil }
      return lost
    }
    guard let since else { return results }
    if !since.isEmpty { _ = await wrapped.write(each: since, isPatient: isPatient) }
    return writes.map { _ in .failure(.outcomeUnknown(cause: "the test has lost it")) }
  }

  func execute(_ batch: Batch) async throws(StoreError) -> BatchReceipt {
    count.withLock { $0 += 1 }
    try check()
    return try await wrapped.execute(batch)
  }

  func list(_ request: PageRequest) async throws(StoreError) -> Page {
    try check()
    return try await wrapped.list(request)
  }

  func count(
    prefix: [UInt8], within limit: Duration
  ) async throws(StoreError) -> LiveCount {
    try check()
    return try await wrapped.count(prefix: prefix, within: limit)
  }

  func apply(_ queued: [QueuedWrite]) async throws(StoreError) -> [AppliedWrite] {
    count.withLock { $0 += 1 }
    try check()
    return try await wrapped.apply(queued)
  }

  func operation(_ id: OperationID) async throws(StoreError) -> OperationRecord? {
    try check()
    return try await wrapped.operation(id)
  }

  func purgeExpired(limit: Int) async throws(StoreError) -> OutboxBatch {
    try await wrapped.purgeExpired(limit: limit)
  }

  func purgeRetained(limit: Int) async throws(StoreError) -> Int {
    try await wrapped.purgeRetained(limit: limit)
  }

  func checkHealth() async throws(StoreError) { try check() }
}

/// A queue that applies at once, as the embedded one does, or keeps, or fails, as a test says.
final class ScriptedQueue: WriteQueue, Sendable {
  enum Script: Sendable {
    case applies
    case keeps
    case fails(StoreError)
  }

  private let database: any Database & Sendable
  private let script = Mutex(Script.applies)
  private let waiting = Mutex<[QueuedWrite]>([])

  init(database: any Database & Sendable) { self.database = database }

  func follow(_ script: Script) { self.script.withLock { $0 = script } }

  /// What was kept.
  var kept: [QueuedWrite] { waiting.withLock { $0 } }

  /// Applies what was kept, as a worker would.
  func applyKept() async throws(StoreError) {
    let writes = waiting.withLock { writes in
      let taken = writes
      writes = []
      return taken
    }
    _ = try await database.apply(writes)
  }

  var keepsWrites: Bool {
    if case .keeps = script.withLock({ $0 }) { true } else { false }
  }

  func submit(_ queued: QueuedWrite) async throws(StoreError) -> QueueReceipt {
    switch script.withLock({ $0 }) {
    case .applies: return .applied(try await database.apply([queued])[0])
    case .keeps:
      waiting.withLock { $0.append(queued) }
      return .queued
    case .fails(let error): throw error
    }
  }

  func checkHealth() async throws(StoreError) {
    if case .fails(let error) = script.withLock({ $0 }) { throw error }
  }
}
