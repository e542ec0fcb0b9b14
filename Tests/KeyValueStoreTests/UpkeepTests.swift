import KeyValueStore
import TestSupport
import Testing

@Suite("Purging and health", .timeLimit(.minutes(1)))
struct UpkeepTests {
  let backing = Backing()

  @Test("Purging publishes an expire event for each entry and leaves a tombstone in the cache")
  func purge() async throws {
    let loop = Loop(backing)
    let first = try await loop.write(put("a", timeToLive: 10)).stored!
    _ = try await loop.write(put("b", timeToLive: 20))
    _ = try await loop.write(put("c"))
    backing.clock.advance(seconds: 15)
    let report = try await loop.purge()
    #expect(report == PurgeReport(expired: 1, removed: 0, hasMore: false))
    #expect(backing.feed.publications.count == 4)
    let change = backing.feed.publications[3][0]
    #expect(change.key == key("a") && change.kind == .expire && change.revision > first.revision)
    #expect(backing.cache.memory.kept(key("a")) == .absent(change.revision))
    #expect(backing.observer.events.last == .purged(report))
    #expect(try await loop.purge().expired == 0)
    #expect(backing.feed.publications.count == 4)
  }

  @Test("A round is bounded and reports that there is more")
  func bounded() async throws {
    var limits = StoreLimits()
    limits.purgeMax = 2
    let loop = Loop(backing, limits: limits)
    for name in ["a", "b", "c"] { _ = try await loop.write(put(name, timeToLive: 10)) }
    backing.clock.advance(seconds: 10)
    #expect(try await loop.purge() == PurgeReport(expired: 2, removed: 0, hasMore: true))
    #expect(try await loop.purge() == PurgeReport(expired: 1, removed: 0, hasMore: false))
    backing.clock.advance(seconds: 86_401)
    #expect(try await loop.purge() == PurgeReport(expired: 0, removed: 2, hasMore: true))
    #expect(try await loop.purge() == PurgeReport(expired: 0, removed: 1, hasMore: false))
  }

  @Test("Expired entries are published even if the second half of the round fails")
  func halfFails() async throws {
    let loop = Loop(backing)
    _ = try await loop.write(put("a", timeToLive: 10))
    backing.clock.advance(seconds: 10)
    backing.database.failRetention()
    await #expect(throws: StoreError.unavailable(cause: "no retention", retryAfter: 1)) {
      try await loop.purge()
    }
    #expect(backing.feed.publications.last?.map(\.kind) == [.expire])
  }

  @Test("Each service is checked: without the database unhealthy, without another degraded")
  func health() async throws {
    let loop = Loop(backing)
    let healthy = await loop.health()
    #expect(healthy.status == .healthy)
    #expect(healthy.components.map(\.name) == [.database, .cache, .queue])
    #expect(healthy.components.allSatisfy { $0.isHealthy && $0.detail == nil })

    backing.queue.follow(.fails(.unavailable(cause: "no queue", retryAfter: 1)))
    #expect(await loop.health().status == .degraded)
    backing.cache.fail()
    let degraded = await loop.health()
    #expect(degraded.status == .degraded)
    #expect(degraded.components.map(\.detail) == [nil, "no cache", "no queue"])
    backing.database.fail(with: databaseAway)
    let unhealthy = await loop.health()
    #expect(unhealthy.status == .unhealthy)
    #expect(unhealthy.components.map(\.isHealthy) == [false, false, false])
  }

  @Test("A busy service counts as healthy: a server stays ready under load")
  func overload() async throws {
    let loop = Loop(backing)
    backing.database.fail(with: .overloaded(retryAfter: 1))
    backing.queue.follow(.fails(.overloaded(retryAfter: 1)))
    let health = await loop.health()
    #expect(health.status == .healthy)
    #expect(
      health.components.map(\.detail)
        == ["too much work is waiting", nil, "too much work is waiting"])
  }

  @Test("Every error names its cause")
  func causes() {
    #expect(StoreError.unavailable(cause: "x", retryAfter: 1).cause == "x")
    #expect(StoreError.outcomeUnknown(cause: "y").cause == "y")
    #expect(StoreError.overloaded(retryAfter: 1).cause == "too much work is waiting")
    #expect(StoreError.idempotencyInFlight.cause.contains("idempotency key"))
  }
}
