import Embedded
import Foundation
import KeyValueStore
@testable import RabbitMQ
import StoreContracts
import TestServices

/// Queues of its own on the shared broker, and a consumer that applies what comes.
final class QueueHarness: WriteQueueHarness {
  let publisher: RabbitMQPublisher
  private let applying: Applying
  private let running: Running
  private let counted: CountedQueue

  init() async throws {
    let configuration = RabbitMQConfiguration(try await SharedBroker.running())
    let publisher = try RabbitMQPublisher(
      configuration, published: nil, logger: RecordedLog().logger)
    self.publisher = publisher
    running = Running { await publisher.run() }
    applying = try Applying(configuration)
    counted = CountedQueue(RabbitMQQueue(publisher: publisher))
    try await publisher.untilHealthy()
  }

  var queue: any WriteQueue { counted }
  var database: any Database { applying.database }

  func now() -> Timestamp { .systemTime() }

  func drain() async throws {
    try await eventually("application of all writes") {
      applying.counts.deliveries >= counted.submitted
    }
  }

  func stop() async {
    await applying.stop()
    await running.stop()
  }
}
