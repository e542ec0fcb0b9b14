import Dispatch
import Embedded
import KeyValueStore
import Observability
import StoreContracts
import Synchronization
import Testing

/// A clock that holds the writer until a test releases it: the writer reads the time at the start
/// of each transaction.
private final class Gate: Sendable {
  private let isClosed = Atomic(false)
  private let semaphore = DispatchSemaphore(value: 0)
  private let arrivals: AsyncStream<Void>
  private let arrival: AsyncStream<Void>.Continuation

  init() { (arrivals, arrival) = AsyncStream.makeStream() }

  func close() { isClosed.store(true, ordering: .sequentiallyConsistent) }

  func open() {
    isClosed.store(false, ordering: .sequentiallyConsistent)
    semaphore.signal()
  }

  func pass() {
    guard isClosed.load(ordering: .sequentiallyConsistent) else { return }
    arrival.yield()
    semaphore.wait()
  }

  /// Returns when the writer is held.
  func reached() async {
    for await _ in arrivals { return }
  }
}

@Suite("Writes that wait together are committed together")
struct GroupCommitTests {
  /// A database whose writer is held in the transaction of one write.
  private func held(
    _ gate: Gate, _ change: (inout EmbeddedConfiguration) -> Void = { _ in }
  ) async throws -> (harness: EmbeddedDatabaseHarness, first: Task<Void, any Error>) {
    let harness = try EmbeddedDatabaseHarness {
      $0.now = {
        gate.pass()
        return Timestamp(microseconds: 1_700_000_000_000_000)
      }
      change(&$0)
    }
    let database = harness.embedded
    gate.close()
    let first = Task { _ = try await database.write([.put("first")]) }
    await gate.reached()
    return (harness, first)
  }

  private func waitForQueue(_ harness: EmbeddedDatabaseHarness, _ depth: Int) async {
    while harness.metrics.queuedWrites.value != depth { await Task.yield() }
  }

  @Test("Calls that come while the writer is busy become one commit")
  func oneCommit() async throws {
    let gate = Gate()
    let (harness, first) = try await held(gate)
    let database = harness.embedded
    let calls = (0..<40).map { number in
      Task { try await database.write([.put("a\(number)"), .put("b\(number)")]) }
    }
    await waitForQueue(harness, 40)
    gate.open()
    try await first.value
    for call in calls { #expect(try await call.value.count == 2) }
    let metrics = harness.metrics
    #expect(metrics.rows.value == 81)
    #expect(metrics.calls.value == 41)
    #expect(metrics.commits.value == 2)
    #expect(metrics.commitTime.total > .zero)
    #expect(metrics.queuedWrites.value == 0)
    let text = String(decoding: harness.registry.text(), as: UTF8.self)
    for line in [
      "kv_embedded_commits_total 2", "kv_embedded_commit_calls_total 41",
      "kv_embedded_rows_written_total 81", "kv_embedded_failures_total 0",
      #"kv_embedded_queue_calls{work="read"} 0"#, #"kv_embedded_queue_calls{work="write"} 0"#,
    ] { #expect(text.contains("\n\(line)\n"), "\(line)") }
    #expect(!text.contains("kv_embedded_commit_seconds_total 0\n"))
    await database.close()
  }

  @Test("A full queue refuses calls at once, and accepts them again when there is room")
  func bound() async throws {
    let gate = Gate()
    let (harness, first) = try await held(gate) { $0.queuedWritesMax = 5 }
    let database = harness.embedded
    let calls = (0..<5).map { number in
      Task { try await database.write([.put("k\(number)")]) }
    }
    await waitForQueue(harness, 5)
    await #expect(throws: StoreError.overloaded(retryAfter: 1)) {
      try await database.write([.put("refused")])
    }
    await #expect(throws: StoreError.overloaded(retryAfter: 1)) {
      try await database.purgeExpired(limit: 1)
    }
    gate.open()
    try await first.value
    for call in calls { _ = try await call.value }
    _ = try await database.write([.put("again")])
    #expect(try await database.value("refused") == nil)
    #expect(try await database.value("again") == [1])
    await database.close()
  }

  @Test("Bytes that wait are bounded, too, but a call larger than the bound may wait alone")
  func byteBound() async throws {
    let gate = Gate()
    let (harness, first) = try await held(gate) { $0.queuedWriteBytesMax = 100_000 }
    let database = harness.embedded
    let large = Task {
      try await database.write([.put("large", Array(repeating: 1, count: 200_000))])
    }
    await waitForQueue(harness, 1)
    await #expect(throws: StoreError.overloaded(retryAfter: 1)) {
      try await database.write([.put("refused")])
    }
    gate.open()
    try await first.value
    _ = try await large.value
    #expect(try await database.value("large")?.count == 200_000)
    await database.close()
  }

  @Test("A failed atomic batch does not undo its neighbours in the commit")
  func neighbours() async throws {
    let gate = Gate()
    let (harness, first) = try await held(gate)
    let database = harness.embedded
    let before = Task { try await database.write([.put("before")]) }
    let isThere = Write(
      key: Key(trusted: [0x78]), mutation: .delete, condition: Condition(ifMatch: .any))
    let batch = Task {
      try await database.execute(
        Batch(operations: [.write(.put("undone")), .write(isThere)], isAtomic: true))
    }
    let after = Task { try await database.write([.put("after")]) }
    await waitForQueue(harness, 3)
    gate.open()
    try await first.value
    _ = try await before.value
    _ = try await after.value
    #expect(try await batch.value.outcome == .preconditionFailed(index: 1, current: nil))
    #expect(try await database.value("undone") == nil)
    #expect(try await database.value("before") == [1])
    #expect(try await database.value("after") == [1])
    await database.close()
  }

  @Test("Closing runs the calls that wait")
  func closing() async throws {
    let gate = Gate()
    let (harness, first) = try await held(gate)
    let database = harness.embedded
    let calls = (0..<10).map { number in
      Task { try await database.write([.put("k\(number)")]) }
    }
    await waitForQueue(harness, 10)
    async let closed: Void = database.close()
    gate.open()
    await closed
    try await first.value
    for call in calls { _ = try await call.value }
    await #expect(throws: StoreError.self) { try await database.write([.put("late")]) }
  }
}
