import KeyValueStore
import Synchronization

/// A database whose calls a test holds before or after their work, makes fail, and reads back.
final class GatedDatabase: Database, Sendable {
  /// What was asked of it, in order.
  struct Calls {
    var reads: [[Key]] = []
    var writes: [[Write]] = []
    /// Of each call of `writes`.
    var isPatient: [Bool] = []
    var batches: [Batch] = []
  }

  /// Held before a read looks at the entries.
  let beforeRead = Gate()
  /// Held when a read knows its answer, and the reader does not.
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
  private let failsRetention = Atomic(false)

  init(_ wrapped: any Database & Sendable) { self.wrapped = wrapped }

  var calls: Calls { recorded.withLock { $0 } }

  /// Every call fails with `error` from now on; nil: none does. Decided after the gates.
  func fail(with error: StoreError?) { failure.withLock { $0 = error } }

  /// Somebody else writes these keys from now on.
  func hold(_ keys: Set<Key>) { heldKeys.withLock { $0 = keys } }

  /// So many writes and batches are carried out, and their callers told that it is not known.
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
      let held = isPatient ? [] : heldKeys.withLock { $0 }
      let results = await wrapped.write(
        each: writes.filter { !held.contains($0.key) }, isPatient: isPatient)
      try loseOutcome()
      var rest = results[...]
      return writes.map { write in
        held.contains(write.key)
          ? .failure(.tooSlow(cause: "somebody else writes it")) : rest.removeFirst()
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
    try check()
    return try await wrapped.list(request)
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
