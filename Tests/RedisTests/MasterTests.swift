import Basics
import KeyValueStore
import Observability
import Testing

@testable import Redis
import TestSupport

@Suite("What a process knows of its Redis")
struct MasterTests {
  private let old = MasterView(address: HostAndPort(host: "10.0.0.1", port: 1), epoch: 1)
  private let new = MasterView(address: HostAndPort(host: "10.0.0.2", port: 1), epoch: 2)

  private func time(_ milliseconds: Int64) -> MonotonicTime {
    MonotonicTime(nanoseconds: 1_000_000_000).adding(.milliseconds(milliseconds))
  }

  @Test("A majority counts for a second from the oldest question that it needs")
  func majority() throws {
    var votes = SentinelVotes(count: 3)
    votes.record(SentinelAnswer(view: old, askedAt: time(0)), from: 0)
    #expect(votes.decide(at: time(1)) == nil)
    votes.record(SentinelAnswer(view: old, askedAt: time(100)), from: 1)
    #expect(try #require(votes.decide(at: time(200))).until == time(1_000))
    votes.record(SentinelAnswer(view: old, askedAt: time(200)), from: 2)
    #expect(try #require(votes.decide(at: time(200))).until == time(1_100))
    #expect(votes.decide(at: time(1_100)) == nil)
  }

  @Test("A Sentinel answers for a second, whatever it says")
  func answering() {
    var votes = SentinelVotes(count: 3)
    #expect(votes.answering(at: time(0)) == 0)
    votes.record(SentinelAnswer(view: old, askedAt: time(0)), from: 0)
    votes.record(SentinelAnswer(view: new, askedAt: time(100)), from: 2)
    #expect(votes.answering(at: time(999)) == 2)
    #expect(votes.answering(at: time(1_000)) == 1)
    #expect(votes.answering(at: time(1_100)) == 0)
  }

  @Test("Sentinels that disagree are no majority; the same Redis in another reign is another one")
  func disagreement() throws {
    var votes = SentinelVotes(count: 3)
    votes.record(SentinelAnswer(view: old, askedAt: time(0)), from: 0)
    votes.record(SentinelAnswer(view: new, askedAt: time(0)), from: 1)
    var again = old
    again.epoch = 3
    votes.record(SentinelAnswer(view: again, askedAt: time(0)), from: 2)
    #expect(votes.decide(at: time(1)) == nil)
    votes.record(SentinelAnswer(view: new, askedAt: time(50)), from: 0)
    #expect(try #require(votes.decide(at: time(60))).view == new)
  }

  @Test("Two Sentinels of two must agree")
  func even() {
    #expect(SentinelVotes(count: 1).majority == 1)
    #expect(SentinelVotes(count: 2).majority == 2)
    #expect(SentinelVotes(count: 4).majority == 3)
  }

  @Test("A Sentinel's answer must name an IP address")
  func answers() {
    func reply(_ words: String...) -> RedisReply { .array(words.map { .string(Array($0.utf8)) }) }
    let good = reply("name", "m", "ip", "10.0.0.1", "port", "1", "config-epoch", "1")
    #expect(SentinelAnswer(good, askedAt: time(0))?.view == old)
    let name = reply("ip", "redis-1", "port", "1", "config-epoch", "1")
    #expect(SentinelAnswer(name, askedAt: time(0)) == nil)
    #expect(SentinelAnswer(reply("ip"), askedAt: time(0)) == nil)
    #expect(SentinelAnswer(.none, askedAt: time(0)) == nil)
  }

  @Test("Another master is uncertain until a majority says so")
  func confirmation() throws {
    let master = RedisMaster(
      try RedisConfiguration(sentinels: "127.0.0.1:1", master: "mymaster"))
    #expect(master.address == nil && !master.isCertain)
    #expect(master.confirm(old, until: MonotonicTime.now().adding(.seconds(60))))
    #expect(master.isCertain && master.version == 1 && master.address == old.address)
    #expect(!master.confirm(old, until: MonotonicTime.now().adding(.seconds(60))))
    #expect(master.confirm(new, until: .distantPast))
    #expect(!master.isCertain && master.version == 2)
    // After the majority was lost, it needs new sessions.
    #expect(!master.confirm(new, until: .distantFuture))
    #expect(master.isCertain && master.version == 3)
    #expect(!master.confirm(new, until: .distantFuture))
    #expect(master.version == 3)
  }

  @Test("What the loops of a process count is added up")
  func counting() throws {
    let registry = MetricsRegistry()
    let master = RedisMaster(RedisConfiguration())
    for count in 1...2 {
      let metrics = RedisMetrics(in: registry)
      master.register(metrics)
      metrics.loops.add(1)
      metrics.hits.add(count)
      metrics.misses.add(2 * count)
      metrics.repairs.add(count)
    }
    #expect(master.reads == (hits: 3, misses: 6))
    let text = String(decoding: registry.text(), as: UTF8.self)
    #expect(text.contains("\nkv_redis_loops 2\n") && text.contains("\nkv_redis_repairs_total 3\n"))
    let sampled = [
      RedisMetrics.sentinels, RedisMetrics.sentinelsAnswering, RedisMetrics.masterCertain,
    ]
    for metric in RedisMetrics.catalogue where !sampled.contains(metric) {
      #expect(text.contains("# TYPE \(metric.name) \(metric.kind.rawValue)\n\(metric.name) "))
    }
  }

  @Test("Failed updates are remembered by their newest revision until just that is repaired")
  func failures() {
    let failures = FailedUpdates(keysMax: 10)
    #expect(failures.isEmpty && !failures.contains(Key("a")))
    failures.insert([CacheUpdate("a", 5), CacheUpdate("a", 4)])
    #expect(failures.contains(Key("a")) && !failures.contains(Key("b")))
    let failed = failures.some(10)
    #expect(failed.count == 1 && failed[0].revision == Revision(5))
    failures.insert([CacheUpdate("a", 6)])
    #expect(failures.remove(failed) == 0)
    #expect(failures.contains(Key("a")))
    let newer = failures.some(10)
    #expect(failures.remove(newer) == 1 && failures.remove(newer) == 0)
    #expect(failures.isEmpty)
  }

  @Test("Too many failed updates make every key distrusted until all is dropped")
  func overflow() {
    let failures = FailedUpdates(keysMax: 2)
    #expect(!failures.beginDrop())
    failures.insert((0..<3).map { CacheUpdate("k\($0)", 1) })
    #expect(failures.contains(Key("any")))
    #expect(failures.beginDrop() && !failures.beginDrop())
    // The drop may have come before this one.
    failures.insert([CacheUpdate("late", 2)])
    #expect(failures.contains(Key("any")))
    failures.endDrop(succeeded: true)
    #expect(failures.contains(Key("late")) && !failures.contains(Key("any")))
    failures.insert((0..<3).map { CacheUpdate("k\($0)", 1) })
    #expect(failures.beginDrop())
    failures.endDrop(succeeded: false)
    #expect(failures.contains(Key("any")) && failures.beginDrop())
  }

  @Test("Only what is newer than the observation, by the clock skew, may create an entry")
  func observations() {
    func reply(_ marker: String) -> RedisReply {
      .array([marker, "7", "1000000"].map { .string(Array($0.utf8)) })
    }
    func arguments(_ words: String...) -> [UInt8] { CommandBuffer.words(words) }
    var watch = DropWatch(leaseTime: .seconds(5), skew: .milliseconds(500))
    let closed = arguments("", "", "0")
    #expect(watch.arguments(for: Revision(.max)) == closed)
    let isNothing = watch.observe(.array([]), at: Timestamp(microseconds: 0))
    let isFirst = watch.observe(reply("a"), at: Timestamp(microseconds: 1_000_000))
    #expect(!isNothing && isFirst)
    #expect(watch.arguments(for: Revision(1_500_000)) == closed)
    #expect(watch.arguments(for: Revision(1_500_001)) == arguments("a", "7", "1002000"))
    // The previous one counts for updates that are too close to the latest.
    let isSecond = watch.observe(reply("b"), at: Timestamp(microseconds: 2_000_000))
    #expect(isSecond)
    #expect(watch.arguments(for: Revision(2_500_000)) == arguments("a", "7", "1002000"))
    #expect(watch.arguments(for: Revision(2_500_001)) == arguments("b", "7", "1002000"))
    // Until reads begin, others may acknowledge what this Redis never gets.
    var early = DropWatch(leaseTime: .seconds(5), skew: .milliseconds(500))
    let isThird = early.observe(
      reply("c"), at: Timestamp(microseconds: 1_000_000), readingIn: .milliseconds(700))
    #expect(isThird)
    #expect(early.arguments(for: Revision(2_200_000)) == closed)
    #expect(early.arguments(for: Revision(2_200_001)) == arguments("c", "7", "1002000"))
    let isFourth = early.observe(
      reply("d"), at: .systemTime(), readingIn: MonotonicTime.now().duration(to: .distantFuture))
    #expect(isFourth)
    #expect(early.arguments(for: Revision(2_200_000)) == closed)
    #expect(early.arguments(for: Revision(fresh())) == arguments("c", "7", "1002000"))
  }

  @Test("Commands that wait keep their order, and their bytes are counted")
  func pendingCommands() {
    var pending = PendingCommands()
    var next = 0
    var expected = 0
    for round in 0..<50 {
      for _ in 0..<(round % 7 * 20) {
        pending.append(
          PendingCommand(
            waiter: .unawaited, deadline: MonotonicTime(nanoseconds: UInt64(next)), count: 2))
        next += 1
      }
      while pending.count > round {
        let deadline = pending.popFirst()?.deadline
        #expect(deadline == MonotonicTime(nanoseconds: UInt64(expected)))
        expected += 1
      }
      #expect(pending.bytes == pending.count * 2)
    }
    pending.postpone(newest: 1, by: .nanoseconds(5))
    #expect(pending.bytes == pending.count * 2)
    while pending.count > 1 { _ = pending.popFirst() }
    #expect(pending.first?.deadline == MonotonicTime(nanoseconds: UInt64(next - 1 + 5)))
    pending.removeLast()
    #expect(pending.count == 0 && pending.bytes == 0)
  }
}
