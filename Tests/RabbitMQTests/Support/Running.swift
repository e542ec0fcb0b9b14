import KeyValueStore
@testable import RabbitMQ
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

extension RabbitMQPublisher {
  /// Returns when messages can be published. Longer than any election takes.
  func untilHealthy() async throws {
    try await eventually("connection to RabbitMQ", seconds: 60) { (try? checkHealth()) != nil }
  }
}
