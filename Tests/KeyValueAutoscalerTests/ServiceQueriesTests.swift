import Foundation
import TestServices
import Testing

@testable import KeyValueAutoscaler

/// Carried out by promtool, on samples that are given.
@Suite("What Prometheus is asked")
struct ServiceQueriesTests {
  private let queries = ServiceQueries(
    job: "kv-worker", window: 60, queue: (name: "kv.writes", job: "rabbitmq-queues"))

  /// Two workers, each with these samples every `interval` seconds, in promtool's notation.
  @Test(
    "How fast is the queue drained: now, or over the minute if that was faster",
    arguments: [
      // Steady.
      (5, "0+500x15", 200.0),
      // The database was away until 45 s.
      (5, "0x9 500+500x5", 200.0),
      // The last 15 s were quiet.
      (5, "0+500x12 6000x2", 150.0),
      // Looked at too seldom for a rate over 15 s.
      (20, "0+2000x4", 200.0),
    ])
  func drain(interval: Int, samples: String, expected: Double) throws {
    let series = ["a", "b"].map { instance in
      (#"kv_worker_operations_total{job="kv-worker",instance="\#(instance)"}"#, samples)
    }
    let complaints = try promtool(queries.drain, interval: interval, series, expects: expected)
    #expect(complaints == "", "\(complaints)")
  }

  @Test(
    "How many writes wait: messages, by the writes that one carries, or 1 if no worker says it",
    arguments: [
      (["40x15", "38x15"], 8_000.0), (["1x15", "1x15"], 200.0), ([], 200.0),
    ])
  func depth(messageWrites: [String], expected: Double) throws {
    let queues = ["a", "b"].map { node in
      (
        #"rabbitmq_detailed_queue_messages{job="rabbitmq-queues",queue="kv.writes","#
          + #"instance="\#(node)"}"#, "200x15"
      )
    }
    let writes = messageWrites.enumerated().map { number, samples in
      (#"kv_worker_message_writes{job="kv-worker",instance="\#(number)"}"#, samples)
    }
    let complaints = try promtool(queries.depth, interval: 5, queues + writes, expects: expected)
    #expect(complaints == "", "\(complaints)")
  }

  /// Returns what promtool complains about.
  private func promtool(
    _ expression: String, interval: Int, _ samples: [(series: String, values: String)],
    expects value: Double
  ) throws -> String {
    let folder = NSTemporaryDirectory() + "kv-queries-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let series = samples.map { sample in
      """
            - series: '\(sample.series)'
              values: '\(sample.values)'
      """
    }
    let text = """
      evaluation_interval: 5s
      tests:
        - interval: \(interval)s
          input_series:
      \(series.joined(separator: "\n"))
          promql_expr_test:
            - expr: '\(expression)'
              eval_time: 75s
              exp_samples: [{ value: \(value) }]
      """
    try text.write(toFile: folder + "/test.yml", atomically: true, encoding: .utf8)
    let promtool = try ServiceProcess(
      ["promtool", "test", "rules", folder + "/test.yml"], outputPath: folder + "/output")
    return try promtool.waitForExit() == 0 ? "" : promtool.output
  }
}
