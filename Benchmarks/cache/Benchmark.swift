import Basics
import EventLoop
import Foundation
import KeyValueStore
import Logging
import Observability
import Redis

/// Measures a cached read, a miss and an update: `cache-benchmark redis://127.0.0.1:6379`.
///
/// One loop, 64 clients that wait for each answer, values of 100 bytes. CPU time is that of this
/// process alone.
@main
enum Benchmark {
  private static let clients = 64
  private static let keys = 1_000
  private static let operations = 400_000

  static func main() async throws {
    guard CommandLine.arguments.count == 2 else {
      throw BenchmarkError(description: "usage: cache-benchmark redis://host:port")
    }
    let configuration = try RedisConfiguration(url: CommandLine.arguments[1])
    let loop = try EventLoop(name: "cache-benchmark")
    loop.start()
    let cache = RedisCache(
      configuration, master: RedisMaster(configuration), loop: loop,
      metrics: RedisMetrics(in: MetricsRegistry()), logger: Logger(label: "cache-benchmark"),
      now: { now() })
    let running = Task(executorPreference: loop.executor) { await cache.run() }
    while (try? await cache.checkHealth()) == nil { try await Task.sleep(for: .milliseconds(10)) }
    let workers = Workers(loop: loop, cache: cache)
    await measure("update", count: operations / 4) { await workers.update($0) }
    await measure("hit", count: operations) { await workers.hit($0) }
    await measure("miss", count: operations / 4) { await workers.miss($0) }
    running.cancel()
    await running.value
    loop.stop()
  }

  /// The clients of one loop.
  private actor Workers {
    nonisolated let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.unownedExecutor }
    private let cache: RedisCache
    private let value = [UInt8](repeating: 7, count: 100)
    private let names = (0..<Benchmark.keys).map { Key(trusted: Array("benchmark/\($0)".utf8)) }

    init(loop: EventLoop, cache: RedisCache) {
      self.loop = loop
      self.cache = cache
    }

    func update(_ count: Int) async {
      for number in 0..<count {
        let key = names[number % names.count]
        let revision = Benchmark.now().microseconds + 1_000_000
        let metadata = Metadata(
          key: key, revision: Revision(revision), version: 1, size: value.count,
          contentType: "text/plain; charset=utf-8",
          createdAt: Timestamp(microseconds: revision),
          updatedAt: Timestamp(microseconds: revision), expiresAt: nil)
        let lookup = Lookup.found(Entry(metadata: metadata, value: value))
        _ = await cache.update([CacheUpdate(key: key, lookup: lookup)])
      }
    }

    func hit(_ count: Int) async {
      for number in 0..<count { _ = await cache.find(names[number % names.count]) }
    }

    func miss(_ count: Int) async {
      let client = UInt64.random(in: 0 ... .max)
      for number in 0..<count {
        _ = await cache.find(Key(trusted: Array("missing/\(client)/\(number)".utf8)))
      }
    }
  }

  private static func measure(
    _ what: String, count: Int, _ work: @escaping @Sendable (Int) async -> Void
  ) async {
    let start = ContinuousClock.now
    let before = cpuMicroseconds()
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<clients { group.addTask { await work(count / clients) } }
    }
    let seconds = (ContinuousClock.now - start).seconds
    let cpu = Double(cpuMicroseconds() - before) / Double(count)
    print(
      "\(what): \(Int(Double(count) / seconds)) a second, \((cpu * 100).rounded() / 100) µs CPU")
  }

  private static func cpuMicroseconds() -> Int {
    var usage = rusage()
    #if os(Linux)
      getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    #else
      getrusage(RUSAGE_SELF, &usage)
    #endif
    let seconds = Int(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
    return seconds * 1_000_000 + Int(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec)
  }

  static func now() -> Timestamp {
    Timestamp(microseconds: SystemTime.microseconds())
  }
}

/// The command line is wrong.
struct BenchmarkError: Error, CustomStringConvertible {
  let description: String
}
