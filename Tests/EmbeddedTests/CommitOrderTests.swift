import Embedded
import KeyValueStore
import StoreContracts
import TestSupport
import Testing

@Suite("Events of a key are in the order of its commits, whichever loop publishes first")
struct CommitOrderTests {
  private func change(_ number: Int64) -> Change {
    Change(key: Key("k"), revision: Revision(number), kind: .delete)
  }

  private func commit(_ number: Int64) -> OutboxID {
    OutboxID(committedAt: Timestamp(microseconds: 1), number: number)
  }

  @Test("A commit that comes too early waits for those before it")
  func early() async throws {
    let feed = EmbeddedChangeFeed()
    let watcher = try #require(try await feed.subscribe(after: nil))
    try await feed.publish([change(3)], settling: commit(2))
    try await feed.publish([change(2)], settling: commit(1))
    #expect(try await watcher.replay() == [])
    try await feed.publish([change(1)], settling: commit(0))
    try await feed.publish([change(4)], settling: commit(3))
    #expect(try await watcher.next()?.map(\.change.revision.number) == [1, 2, 3, 4])
  }

  @Test("A watcher that waits is not woken by a commit that comes too early")
  func waiting() async throws {
    let feed = EmbeddedChangeFeed()
    let task = Task {
      let watcher = try #require(try await feed.subscribe(after: nil))
      return try await watcher.next()
    }
    while feed.waitingWatchers == 0 { await Task.yield() }
    try await feed.publish([change(2)], settling: commit(1))
    #expect(feed.waitingWatchers == 1)
    try await feed.publish([change(1)], settling: commit(0))
    #expect(try await task.value?.map(\.change.revision.number) == [1, 2])
  }

  @Test("The feed goes on without a commit that never comes")
  func missing() async throws {
    let feed = EmbeddedChangeFeed()
    let watcher = try #require(try await feed.subscribe(after: nil))
    for number in 1...4_096 {
      try await feed.publish([change(Int64(number))], settling: commit(Int64(number)))
    }
    #expect(try await watcher.replay() == [])
    try await feed.publish([change(4_097)], settling: commit(4_097))
    var revisions: [Int64] = []
    while let events = try await watcher.replay(), !events.isEmpty {
      revisions += events.map(\.change.revision.number)
    }
    #expect(revisions == Array(1...4_097))
    try await feed.publish([change(0)], settling: commit(0))
    #expect(try await watcher.next()?.map(\.change.revision.number) == [0])
  }

  @Test("Calls of every kind, from several threads, are published without a gap and in order")
  func calls() async throws {
    let harness = try EmbeddedDatabaseHarness()
    let feed = EmbeddedChangeFeed()
    let watcher = try #require(try await feed.subscribe(after: nil))
    let counts = try await withThrowingTaskGroup(of: Int.self) { group in
      for number in 0..<8 {
        group.addTask { [embedded = harness.embedded, clock = harness.clock] in
          var published = 0
          for round in 0..<50 {
            clock.advance(microseconds: 1_000)
            let batch = try await Self.call(
              embedded, kind: round % 5, number: number * 50 + round, at: clock.now)
            published += batch.changes.count
            // Leaves the processor to the others between commit and publishing.
            for _ in 0..<(number + round) % 4 { await Task.yield() }
            try await feed.publish(batch.changes, settling: batch.id)
          }
          return published
        }
      }
      var published = 0
      for try await count in group { published += count }
      return published
    }
    var revisions: [Key: [Revision]] = [:]
    var events = 0
    while let next = try await watcher.replay(), !next.isEmpty {
      events += next.count
      for event in next { revisions[event.change.key, default: []].append(event.change.revision) }
    }
    #expect(events == counts && events > 200)
    for (key, revisions) in revisions {
      #expect(revisions == revisions.sorted(), "\(key.text)")
    }
    await harness.embedded.close()
  }

  @Test("A purge is a commit of its own, and one that finds nothing is none")
  func purge() async throws {
    let harness = try EmbeddedDatabaseHarness()
    let put = try await harness.embedded.write([.put("k", timeToLive: 1)])
    harness.advance(seconds: 2)
    let purged = try await harness.embedded.purgeExpired(limit: 10)
    let nothing = try await harness.embedded.purgeExpired(limit: 10)
    #expect([put[0].outbox, purged.id, nothing.id].map { $0?.number } == [0, 1, nil])
    await harness.embedded.close()
  }

  /// One call that may change keys of all tasks, and its changes.
  private static func call(
    _ database: EmbeddedDatabase, kind: Int, number: Int, at now: Timestamp
  ) async throws -> OutboxBatch {
    var changes: [Change] = []
    let key = "k\(number % 3)"
    func add(_ outcome: WriteOutcome?, _ write: Write) {
      if let change = outcome?.change(of: write.key) { changes.append(change) }
    }
    switch kind {
    case 0, 1:
      let writes = kind == 0 ? [Write.put(key), .put("other", "1")] : [.delete(key)]
      let receipts = try await database.write(writes)
      for (write, receipt) in zip(writes, receipts) { add(receipt.outcome, write) }
      return OutboxBatch(id: receipts.lazy.compactMap(\.outbox).first, changes: changes)
    case 2:
      let batch = Batch(
        operations: [.write(.put(key)), .get(Key("other"))], isAtomic: number % 2 == 0)
      let receipt = try await database.execute(batch)
      guard case .completed(let outcomes) = receipt.outcome else { break }
      for (write, outcome) in batch.writesMade(outcomes) { add(outcome, write) }
      return OutboxBatch(id: receipt.outbox, changes: changes)
    case 3:
      let queued = QueuedWrite(number, .put(key), at: now)
      let applied = try await database.apply([queued])[0]
      add(applied.outcome, queued.write)
      return OutboxBatch(id: applied.outbox, changes: changes)
    default:
      let write = Write.put("once", idempotency: IdempotencyKey("key", request: 1))
      let receipt = try await database.write([write])[0]
      if !receipt.isReplayed { add(receipt.outcome, write) }
      return OutboxBatch(id: receipt.outbox, changes: changes)
    }
    return OutboxBatch(id: nil, changes: [])
  }
}
