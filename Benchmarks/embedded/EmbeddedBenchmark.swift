import Basics
import Embedded
import Foundation
import KeyValueStore
import Observability

/// Measures the embedded adapters, without HTTP:
/// `swift run -c release embedded-benchmark [folder]`.
///
/// Durable writes of 100-byte values to 10,000 keys in random order, `batch` writes per call, one
/// call at a time. Each call is one commit, so that the first line is the rate of one row per
/// commit.
@main
struct EmbeddedBenchmark {
  static func main() async throws {
    let folder = CommandLine.arguments.dropFirst().first ?? "./data/benchmark"
    var configuration = EmbeddedConfiguration()
    configuration.dataFolder = folder
    let metrics = EmbeddedMetrics(in: MetricsRegistry())
    let database = try EmbeddedDatabase(configuration, metrics: metrics)
    print("batch     rows/s   CPU µs/row")
    for (batch, rows) in [(1, 10_000), (32, 200_000), (64, 200_000), (1_000, 400_000)] {
      try await writes(database, batch: batch, rows: rows)
    }
    let before = metrics.commits.value
    try await callers(database, count: 64, rows: 100_000)
    print("          \(100_000 / (metrics.commits.value - before)) rows a commit")
    try await reads(database, batch: 1, rows: 50_000)
    try await reads(database, batch: 64, rows: 200_000)
    let checkpoints = Int(metrics.checkpoints.value)
    print(
      "checkpoints: \(checkpoints) of "
        + "\(metrics.checkpointTime.total / max(1, checkpoints)) on average")
    await database.close()
    await cacheHits()
  }

  private static func writes(_ database: EmbeddedDatabase, batch: Int, rows: Int) async throws {
    var random = SystemRandomNumberGenerator()
    let value = [UInt8](repeating: 0x61, count: 92)
    let measurement = Measurement()
    for number in 0..<rows / batch {
      // Different keys: a part of a permutation of all keys.
      let start = Int.random(in: 0..<10_000, using: &random)
      let marker = withUnsafeBytes(of: number) { Array($0) }
      let results = await database.write(
        each: (0..<batch).map { index in
          Write(
            key: key((start + index) * 7_919 % 10_000),
            mutation: .put(
              value: value + marker, contentType: "text/plain; charset=utf-8",
              timeToLive: nil))
        }, isPatient: false)
      for result in results { _ = try result.get() }
    }
    measurement.report("\(batch)", operations: rows)
  }

  /// One write per call, from many tasks at once, to measure group commit.
  private static func callers(_ database: EmbeddedDatabase, count: Int, rows: Int) async throws {
    let measurement = Measurement()
    try await withThrowingTaskGroup { group in
      for caller in 0..<count {
        group.addTask {
          for number in 0..<rows / count {
            let marker = withUnsafeBytes(of: number) { Array($0) }
            let write = Write(
              key: key((caller + number * 64) * 7_919 % 10_000),
              mutation: .put(
                value: [UInt8](repeating: 0x61, count: 92) + marker,
                contentType: "text/plain; charset=utf-8", timeToLive: nil))
            _ = try await database.write(each: [write], isPatient: false)[0].get()
          }
        }
      }
      try await group.waitForAll()
    }
    measurement.report("1 × \(count)", operations: rows)
  }

  private static func reads(_ database: EmbeddedDatabase, batch: Int, rows: Int) async throws {
    let measurement = Measurement()
    for number in 0..<rows / batch {
      _ = try await database.read(
        (0..<batch).map { key((number * batch + $0) * 7_919 % 10_000) })
    }
    measurement.report("read \(batch)", operations: rows)
  }

  private static func cacheHits() async {
    // The cache begins before all revisions.
    let cache = EmbeddedCache(bytesMax: 64 << 20) { Timestamp(microseconds: 0) }
    let keys = (0..<10_000).map { key($0) }
    let time = Timestamp(microseconds: 1)
    for key in keys {
      let metadata = Metadata(
        key: key, revision: Revision(1), version: 1, size: 100, contentType: "text/plain",
        createdAt: time, updatedAt: time, expiresAt: nil)
      let entry = Entry(metadata: metadata, value: [UInt8](repeating: 1, count: 100))
      _ = await cache.update([CacheUpdate(key: key, lookup: .found(entry))])
    }
    let measurement = Measurement()
    var bytes = 0
    for _ in 0..<100 {
      for key in keys {
        if case .hit(let lookup) = await cache.find(key) {
          bytes += lookup.entry?.value.count ?? 0
        }
      }
    }
    measurement.report("cache hit", operations: 1_000_000)
    precondition(bytes == 100_000_000, "every look-up is a hit")
  }

  private static func key(_ number: Int) -> Key {
    Key(trusted: Array("users/\(10_000 + number)/profile".utf8))
  }
}

/// Elapsed time and CPU time since it was created.
private struct Measurement {
  private let start = ContinuousClock.now
  private let cpu = clock()

  func report(_ name: String, operations: Int) {
    let elapsed = (ContinuousClock.now - start).seconds
    let used = Double(clock() - cpu) / Double(CLOCKS_PER_SEC)
    print(
      name.padding(toLength: 10, withPad: " ", startingAt: 0)
        + String(
          format: "%7.0f %10.2f", Double(operations) / elapsed, used / Double(operations) * 1e6))
  }
}
