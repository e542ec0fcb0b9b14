import KeyValueStore
import StoreContracts
import TestSupport
import Testing

@Suite("Asynchronous writes", .timeLimit(.minutes(1)))
struct SubmissionTests {
  let backing = Backing()

  @Test("A write that waits in the queue changes neither cache nor feed")
  func queued() async throws {
    let loop = Loop(backing)
    backing.queue.follow(.keeps)
    let submission = try await loop.submit(put("a"))
    #expect(submission.receipt == .queued)
    #expect(backing.queue.submitted.map(\.id) == [submission.id])
    #expect(backing.queue.submitted[0].write == put("a"))
    #expect(backing.cache.updates.isEmpty && backing.feed.publications.isEmpty)
    let record = try #require(try await loop.operation(submission.id))
    #expect(record.state == .queued && record.revision == nil && record.id == submission.id)
    #expect(record.updatedAt == submission.id.acceptedAt(ofAny: [.everybody]))
  }

  @Test("An operation that was never accepted, or too long ago, is unknown")
  func unknown() async throws {
    let loop = Loop(backing)
    backing.queue.follow(.keeps)
    #expect(
      try await loop.operation(OperationID("018bcfe5-6800-7000-8000-000000000000")!) == nil)
    let submission = try await loop.submit(put("a"))
    backing.clock.advance(seconds: 86_400)
    #expect(try await loop.operation(submission.id) == nil)
    let later = try await loop.submit(put("a"))
    backing.queue.follow(.applies)
    #expect(try await loop.operation(later.id) == nil)
  }

  @Test("A write that is applied at once is in the cache and published before the answer")
  func applied() async throws {
    let loop = Loop(backing)
    let stored = try await loop.submit(put("a", "1"))
    guard case .applied(let applied) = stored.receipt else {
      Issue.record("Not applied: \(stored.receipt)")
      return
    }
    #expect(applied.record.state == .applied)
    #expect(try await loop.operation(stored.id) == applied.record)
    #expect(try await loop.get(key("a")).text == "1")
    _ = try await loop.submit(delete("a"))
    #expect(try await loop.get(key("a")) == Reading(entry: nil, source: .cache))
    #expect(backing.feed.publications.map { $0.map(\.key.text) } == [["a"], ["a"]])
    #expect(backing.feed.publications[1][0].kind == .delete)
  }

  @Test("A superseded or refused write publishes nothing")
  func notApplied() async throws {
    let loop = Loop(backing)
    let refused = try await loop.submit(put("a", condition: Condition(ifMatch: .any)))
    guard case .applied(let first) = refused.receipt else {
      Issue.record("Not applied: \(refused.receipt)")
      return
    }
    #expect(first.record.state == .preconditionFailed)
    backing.clock.advance(seconds: 60)
    _ = try await backing.database.write([put("a", "newer")])
    backing.clock.advance(seconds: -60)
    let attempt = Attempt(startedAt: backing.clock.now, commit: nil)
    let superseded = try await loop.submit(put("a", "older"), after: attempt)
    guard case .applied(let second) = superseded.receipt else {
      Issue.record("Not applied: \(superseded.receipt)")
      return
    }
    #expect(second.record.state == .superseded)
    #expect(backing.feed.publications.isEmpty && backing.cache.updates.isEmpty)
  }

  @Test(
    "A write that is applied at once comes after what was written before the clock was set back")
  func clockSetBack() async throws {
    let loop = Loop(backing)
    backing.clock.advance(seconds: 60)
    _ = try await backing.database.write([put("a", "earlier")])
    backing.clock.advance(seconds: -60)
    let submission = try await loop.submit(put("a", "later"))
    guard case .applied(let applied) = submission.receipt else {
      Issue.record("Not applied: \(submission.receipt)")
      return
    }
    #expect(applied.record.state == .applied)
    #expect(try await loop.operation(submission.id) == applied.record)
    #expect(try await loop.get(key("a")).text == "later")
    #expect(backing.feed.publications.count == 1)
  }

  @Test("Acceptance times never repeat, so that a later write is not superseded by an earlier one")
  func acceptanceOrder() async throws {
    let loop = Loop(backing)
    for value in 1...3 {
      guard case .applied(let applied) = try await loop.submit(put("a", "\(value)")).receipt else {
        Issue.record("Not applied")
        return
      }
      #expect(applied.record.state == .applied)
    }
    #expect(try await loop.get(key("a")).text == "3")
    let times = backing.queue.submitted.map(\.acceptedAt)
    #expect(times[0] == backing.clock.now && times[0] < times[1] && times[1] < times[2])
    #expect(Set(backing.queue.submitted.map(\.id)).count == 3)
    backing.clock.advance(seconds: 1)
    _ = try await loop.submit(put("a", "4"))
    #expect(backing.queue.submitted[3].acceptedAt == backing.clock.now)
  }

  @Test("A write that was tried before has the time and the name of that attempt")
  func attempted() async throws {
    let loop = Loop(backing)
    backing.queue.follow(.keeps)
    let attempt = Attempt(
      startedAt: backing.clock.now, commit: OutboxID(committedAt: backing.clock.now, number: 1))
    backing.clock.advance(seconds: 5)
    let submission = try await loop.submit(put("a"), after: attempt)
    let queued = backing.queue.submitted[0]
    #expect(queued.acceptedAt == attempt.startedAt && queued.attempt == attempt.commit)
    // The retention of its record begins then, too.
    #expect(submission.id.acceptedAt(ofAny: [.everybody]) == attempt.startedAt)
  }

  @Test("A write that took effect unnoticed is in the cache once that is known")
  func refreshed() async throws {
    let loop = Loop(backing)
    backing.queue.follow(.keeps)
    let attempt = Attempt(
      startedAt: backing.clock.now, commit: OutboxID(committedAt: backing.clock.now, number: 1))
    _ = try await loop.submit(put("a", "1"), after: attempt)
    let queued = backing.queue.submitted
    _ = try await loop.apply(queued)
    #expect(try await loop.get(key("a")).text == "1")
    backing.clock.advance(seconds: 1)
    _ = try await backing.database.write([put("a", "2")])
    #expect(try await loop.apply(queued)[0].outcome == nil)
    let reading = try await loop.get(key("a"))
    #expect(reading.text == "2" && reading.source == .cache)
  }

  @Test("A clock that was set back is followed")
  func followed() async throws {
    let loop = Loop(backing)
    backing.queue.follow(.keeps)
    _ = try await loop.submit(put("a"))
    backing.clock.advance(seconds: -3_600)
    _ = try await loop.submit(put("a"))
    #expect(backing.queue.submitted[1].acceptedAt == backing.clock.now)
  }

  @Test("A put that expired in the queue is not in the cache")
  func expired() async throws {
    let loop = Loop(backing)
    backing.queue.follow(.keeps)
    _ = try await loop.submit(put("a", "secret", timeToLive: 1))
    let queued = backing.queue.submitted
    backing.clock.advance(seconds: 2)
    #expect(try await loop.apply(queued)[0].record.state == .applied)
    #expect(backing.cache.updates.flatMap(\.self).map(\.lookup?.entry) == [nil])
    #expect(try await loop.get(key("a")).entry == nil)
  }

  @Test("The error of a queue that refuses is passed on")
  func refused() async throws {
    let loop = Loop(backing)
    let error = StoreError.overloaded(retryAfter: 3)
    backing.queue.follow(.fails(error))
    await #expect(throws: error) { try await loop.submit(put("a")) }
    backing.database.fail(with: databaseAway)
    await #expect(throws: databaseAway) {
      try await loop.operation(OperationID("018bcfe5-6800-7000-8000-000000000000")!)
    }
  }
}
