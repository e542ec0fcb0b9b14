import KeyValueStore
import Synchronization

/// Holds calls until a test releases them, to force an order of events without sleeping. Initially
/// it is open.
final class Gate: Sendable {
  private struct State {
    var isOpen = true
    var held: [CheckedContinuation<Void, Never>] = []
    var watchers: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []

    mutating func takeWatchers() -> [CheckedContinuation<Void, Never>] {
      let ready = watchers.filter { $0.count <= held.count }.map(\.continuation)
      watchers.removeAll { $0.count <= held.count }
      return ready
    }
  }

  private let state = Mutex(State())

  var heldCount: Int { state.withLock { $0.held.count } }

  /// Holds calls from now on.
  func close() {
    state.withLock { $0.isOpen = false }
  }

  /// Releases all calls, and holds no more.
  func open() {
    let held = state.withLock { state in
      state.isOpen = true
      defer { state.held = [] }
      return state.held
    }
    for continuation in held { continuation.resume() }
  }

  /// Releases the call that has been held longest. The gate stays closed.
  func releaseFirst() {
    state.withLock { $0.held.removeFirst() }.resume()
  }

  /// Releases the call that was held last. The gate stays closed.
  func releaseLast() {
    state.withLock { $0.held.removeLast() }.resume()
  }

  /// Called by the code that the gate holds.
  func pass() async {
    await withCheckedContinuation { continuation in
      let ready: [CheckedContinuation<Void, Never>] = state.withLock { state in
        if state.isOpen { return [continuation] }
        state.held.append(continuation)
        return state.takeWatchers()
      }
      for waiter in ready { waiter.resume() }
    }
  }

  /// Returns once `count` calls are held.
  func untilHeld(_ count: Int = 1) async {
    await withCheckedContinuation { continuation in
      let ready = state.withLock { state in
        state.watchers.append((count, continuation))
        return state.takeWatchers()
      }
      for waiter in ready { waiter.resume() }
    }
  }
}

/// A database whose calls a test can hold before or after their work, make fail, and read back.
final class GatedDatabase: Database, Sendable {
  /// The calls, in order.
  struct Calls {
    var reads: [[Key]] = []
    var writes: [[Write]] = []
    /// For each call in `writes`.
    var isPatient: [Bool] = []
    var batches: [Batch] = []
    var lists: [PageRequest] = []
  }

  /// Held before a read.
  let beforeRead = Gate()
  /// Held when a read has its answer, and the reader does not yet.
  let afterRead = Gate()
  /// Held before a commit.
  let beforeWrite = Gate()
  /// Held before a batch.
  let beforeExecute = Gate()

  private let wrapped: any Database & Sendable
  private let recorded = Mutex(Calls())
  private let failure = Mutex<StoreError?>(nil)
  private let outcomesToLose = Atomic(0)
  private let heldKeys = Mutex<Set<Key>>([])
  private let heldFromPatient = Mutex<Set<Key>>([])
  private let failsRetention = Atomic(false)

  init(_ wrapped: any Database & Sendable) { self.wrapped = wrapped }

  var calls: Calls { recorded.withLock { $0 } }

  /// Every call fails with `error` from now on; nil: none does. Checked after the gates.
  func fail(with error: StoreError?) { failure.withLock { $0 = error } }

  /// Another transaction writes these keys from now on: patient writers get them, others do not.
  func hold(_ keys: Set<Key>) { heldKeys.withLock { $0 = keys } }

  /// The same, for patient writers.
  func holdFromPatient(_ keys: Set<Key>) { heldFromPatient.withLock { $0 = keys } }

  /// The next `count` writes and batches succeed, but their callers get `outcomeUnknown`.
  func loseOutcomes(_ count: Int) { outcomesToLose.store(count, ordering: .relaxed) }

  private func loseOutcome() throws(StoreError) {
    guard outcomesToLose.load(ordering: .relaxed) > 0 else { return }
    outcomesToLose.subtract(1, ordering: .relaxed)
    throw .outcomeUnknown(cause: "the test has lost it")
  }

  /// The second half of a purge fails from now on.
  func failRetention() { failsRetention.store(true, ordering: .relaxed) }

  private func check() throws(StoreError) {
    if let error = failure.withLock({ $0 }) { throw error }
  }

  func read(_ keys: [Key]) async throws(StoreError) -> [Lookup] {
    recorded.withLock { $0.reads.append(keys) }
    await beforeRead.pass()
    try check()
    let lookups = try await wrapped.read(keys)
    await afterRead.pass()
    return lookups
  }

  func write(each writes: [Write], isPatient: Bool) async -> [WriteResult] {
    recorded.withLock {
      $0.writes.append(writes)
      $0.isPatient.append(isPatient)
    }
    await beforeWrite.pass()
    do throws(StoreError) {
      try check()
      let held = isPatient ? heldFromPatient.withLock { $0 } : heldKeys.withLock { $0 }
      let results = await wrapped.write(
        each: writes.filter { !held.contains($0.key) }, isPatient: isPatient)
      try loseOutcome()
      var rest = results[...]
      return writes.map { write in
        held.contains(write.key)
          ? .failure(.tooSlow(cause: "another transaction writes it")) : rest.removeFirst()
      }
    } catch {
      return writes.map { _ in .failure(error) }
    }
  }

  func execute(_ batch: Batch) async throws(StoreError) -> BatchReceipt {
    recorded.withLock { $0.batches.append(batch) }
    await beforeExecute.pass()
    try check()
    let receipt = try await wrapped.execute(batch)
    try loseOutcome()
    return receipt
  }

  func list(_ request: PageRequest) async throws(StoreError) -> Page {
    recorded.withLock { $0.lists.append(request) }
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
    try check()
    return try await wrapped.apply(queued)
  }

  func operation(_ id: OperationID) async throws(StoreError) -> OperationRecord? {
    try check()
    return try await wrapped.operation(id)
  }

  func purgeExpired(limit: Int) async throws(StoreError) -> OutboxBatch {
    try check()
    return try await wrapped.purgeExpired(limit: limit)
  }

  func purgeRetained(limit: Int) async throws(StoreError) -> Int {
    try check()
    if failsRetention.load(ordering: .relaxed) {
      throw .unavailable(cause: "no retention", retryAfter: 1)
    }
    return try await wrapped.purgeRetained(limit: limit)
  }

  func checkHealth() async throws(StoreError) { try check() }
}

/// A cache whose updates and fills a test can hold or make fail.
final class GatedCache: Cache, Sendable {
  let memory = InMemoryCache()
  /// Held before an update.
  let beforeUpdate = Gate()
  /// Held before a fill.
  let beforeFill = Gate()
  private let recorded = Mutex<[[CacheUpdate]]>([])
  private let isFailing = Atomic(false)

  var updates: [[CacheUpdate]] { recorded.withLock { $0 } }

  /// Every update fails from now on, and the health check throws.
  func fail() { isFailing.store(true, ordering: .relaxed) }

  func find(_ key: Key) async -> CacheAnswer { await memory.find(key) }

  func peek(_ keys: [Key]) async -> [Lookup?] { await memory.peek(keys) }

  func fill(_ key: Key, with lookup: Lookup, lease: Lease) async {
    await beforeFill.pass()
    await memory.fill(key, with: lookup, lease: lease)
  }

  func update(_ updates: [CacheUpdate]) async -> Bool {
    recorded.withLock { $0.append(updates) }
    await beforeUpdate.pass()
    if isFailing.load(ordering: .relaxed) { return false }
    return await memory.update(updates)
  }

  func statistics() async -> CacheStatistics { await memory.statistics() }

  func checkHealth() async throws(StoreError) {
    if isFailing.load(ordering: .relaxed) { throw .unavailable(cause: "no cache", retryAfter: 1) }
  }
}
