import KeyValueStore
@testable import RabbitMQ
import Synchronization
import TestServices

/// Something that runs until the test is done with it.
final class Running: Sendable {
  private let task: Task<Void, Never>

  init(_ body: @escaping @Sendable () async -> Void) { task = Task { await body() } }

  deinit { task.cancel() }

  func stop() async {
    task.cancel()
    await task.value
  }
}

extension RabbitMQConsumer {
  /// What comes next, if that is soon.
  func nextSoon() async throws -> [Delivery] {
    let next = Mutex<[Delivery]?>(nil)
    let waiting = Running {
      let deliveries = await self.next()
      next.withLock { $0 = deliveries }
    }
    try await eventually("delivery", seconds: 20) { next.withLock { $0 != nil } }
    await waiting.stop()
    return next.withLock { $0 ?? [] }
  }
}

extension RabbitMQPublisher {
  /// Returns when messages can be published. Longer than any election takes.
  func untilHealthy() async throws {
    try await eventually("connection to RabbitMQ", seconds: 60) { (try? checkHealth()) != nil }
  }
}
