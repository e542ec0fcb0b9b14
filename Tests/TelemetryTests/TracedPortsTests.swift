import KeyValueStore
import TestSupport
import Testing

@testable import Telemetry

@Suite("Calls of the ports are recorded")
struct TracedPortsTests {
  /// A queue that keeps what it is given, or fails.
  private final class Queue: WriteQueue {
    var given: [QueuedWrite] = []
    var error: StoreError?
    let keepsWrites = true

    func submit(_ queued: QueuedWrite) async throws(StoreError) -> QueueReceipt {
      if let error { throw error }
      given.append(queued)
      return .queued
    }

    func checkHealth() async throws(StoreError) {}
  }

  /// A cache that fails what has a default in the port.
  private struct FailingCache: Cache {
    func find(_ key: Key) async -> CacheAnswer { .hit(.absent(Revision(1))) }
    func peek(_ keys: [Key]) async -> [Lookup?] { keys.map { _ in nil } }
    func fill(_ key: Key, with lookup: Lookup, lease: Lease) async {}
    func update(_ updates: [CacheUpdate]) async -> Bool { false }
    func hasRepaired(_ updates: [CacheUpdate]) async -> Bool { false }
    func checkHealth() async throws(StoreError) {
      throw .unavailable(cause: "it is away", retryAfter: 1)
    }
    func statistics() async -> CacheStatistics {
      CacheStatistics(
        keys: 7, keysMax: nil, bytes: 0, bytesMax: nil, hits: 0, misses: 0, evictions: 0)
    }
  }

  private let fixture = TracerFixture()
  private let queued = QueuedWrite(1, .put("hidden"), at: Timestamp(microseconds: 1))

  @Test("A message says which span has sent it, and one of an unrecorded request says nothing")
  func queue() async throws {
    let queue = Queue()
    let traced = TracedQueue(queue, destination: "kv.writes", fixture.tracer)
    _ = try await traced.submit(queued)
    #expect(queue.given[0].origin == nil && fixture.ended.isEmpty)
    let request = try #require(fixture.tracer.begin("r", after: nil))
    await fixture.tracer.carryOut(request) { _ = try? await traced.submit(queued) }
    let span = try #require(fixture.ended.first)
    #expect(queue.given[1].origin == span.context)
    #expect(span.parent == Span.Parent(request.context))
    #expect(span.name == "send kv.writes" && span.kind == .producer && !span.isFailed)
    queue.error = .unavailable(cause: "away", retryAfter: 1)
    await fixture.tracer.carryOut(request) { _ = try? await traced.submit(queued) }
    #expect(fixture.ended.map(\.isFailed) == [false, true])
  }

  @Test("Spans of a cache say whether it knew the key, but not which")
  func cache() async throws {
    let traced = TracedCache(
      FailingCache(), TracedSystem("redis", isRemote: true), fixture.tracer)
    let request = try #require(fixture.tracer.begin("r", after: nil))
    _ = await traced.find(Key("hidden"))
    #expect(fixture.ended.isEmpty)
    await fixture.tracer.carryOut(request) {
      _ = await traced.find(Key("hidden"))
      _ = await traced.peek([Key("hidden"), Key("hidden 2")])
      _ = await traced.update([])
    }
    let spans = fixture.ended
    #expect(spans.map(\.name) == ["find redis", "peek redis", "update redis"])
    #expect(spans.map(\.isFailed) == [false, false, true])
    #expect(spans.allSatisfy { $0.kind == .client && !"\($0)".contains("hidden") })
    #expect(
      spans[0].attributes == [
        Span.Attribute("db.system.name", "redis"), Span.Attribute("db.operation.name", "find"),
        Span.Attribute("kv.cache.hit", true),
      ])
    #expect(spans[1].attributes.contains(Span.Attribute("db.operation.batch.size", 2)))
  }

  @Test("What a port has a default for is asked of the port behind")
  func defaults() async throws {
    let traced = TracedCache(
      FailingCache(), TracedSystem("memory", isRemote: false), fixture.tracer)
    #expect(await !traced.hasRepaired([]))
    #expect(await traced.statistics().keys == 7)
    await #expect(throws: StoreError.unavailable(cause: "it is away", retryAfter: 1)) {
      try await traced.checkHealth()
    }
  }
}
