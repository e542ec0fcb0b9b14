import KeyValueStore
import Synchronization

/// A database that fails when a test says so, and is the wrapped one otherwise.
final class FaultyDatabase: Database, Sendable {
  private let wrapped: any Database & Sendable
  private let failure = Mutex<StoreError?>(nil)
  private let count = Mutex(0)
  private let lost = Mutex<[Write]?>(nil)

  init(_ wrapped: any Database & Sendable) { self.wrapped = wrapped }

  /// Every call fails with `error` from now on; nil: none does.
  func fail(with error: StoreError?) { failure.withLock { $0 = error } }

  /// The next call that writes is carried out, and its caller told that it is not known; but only
  /// after others have written what came `since`.
  func loseOutcome(before since: Write...) { lost.withLock { $0 = since } }

  /// Calls that have written, or tried to.
  var writeCalls: Int { count.withLock { $0 } }

  private func check() throws(StoreError) {
    if let error = failure.withLock({ $0 }) { throw error }
  }

  func read(_ keys: [Key]) async throws(StoreError) -> [Lookup] {
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
