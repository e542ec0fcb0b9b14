import Embedded
import Foundation
import KeyValueStore
import Observability
@testable import RabbitMQ
import Synchronization
import Testing

/// An embedded database to which a consumer's writes are applied, as kv-worker does it.
final class Applying: Sendable {
  let consumer: RabbitMQConsumer
  let database: EmbeddedDatabase
  private let metrics: RabbitMQMetrics
  private let folder: String
  private let seen: Seen
  private let consuming: Running
  private let working: Running

  init(_ configuration: RabbitMQConfiguration, log: RecordedLog = RecordedLog()) throws {
    folder = NSTemporaryDirectory() + "/rabbitmq-tests-" + UUID().uuidString
    var embedded = EmbeddedConfiguration()
    embedded.dataFolder = folder
    let database = try EmbeddedDatabase(embedded)
    let metrics = RabbitMQMetrics(in: MetricsRegistry())
    self.metrics = metrics
    let consumer = try RabbitMQConsumer(configuration, metrics: metrics, logger: log.logger)
    self.database = database
    self.consumer = consumer
    consuming = Running { await consumer.run() }
    let seen = Seen()
    self.seen = seen
    working = Running { await Applying.work(consumer, database, seen) }
  }

  private static func work(
    _ consumer: RabbitMQConsumer, _ database: EmbeddedDatabase, _ seen: Seen
  ) async {
    while true {
      let deliveries = await consumer.next()
      if deliveries.isEmpty { return }
      var writes: [QueuedWrite] = []
      var good: [Delivery] = []
      for delivery in deliveries {
        switch delivery.content {
        case .write(let write):
          writes.append(write)
          good.append(delivery)
        case .malformed: consumer.reject([delivery])
        }
      }
      do {
        if !writes.isEmpty { _ = try await database.apply(writes) }
        consumer.acknowledge(good)
        seen.deliveries.withLock { deliveries in
          for write in writes { deliveries[write.id, default: 0] += 1 }
        }
      } catch {
        Issue.record(error)
      }
    }
  }

  /// Connections of the consumer that were given up.
  var stalls: UInt64 { metrics.stalls[.consumer].value }

  /// How many operations were applied, and how many deliveries that took.
  var counts: (operations: Int, deliveries: Int) {
    seen.deliveries.withLock { ($0.count, $0.values.reduce(0, +)) }
  }

  /// Whether all of these were applied.
  func hasApplied(_ ids: some Sequence<OperationID>) -> Bool {
    seen.deliveries.withLock { seen in ids.allSatisfy { seen[$0] != nil } }
  }

  func stop() async {
    await working.stop()
    await consuming.stop()
    await database.close()
    try? FileManager.default.removeItem(atPath: folder)
  }
}

/// How often each operation came.
private final class Seen: Sendable {
  let deliveries = Mutex<[OperationID: Int]>([:])
}
