import KeyValueStore
import TestServices
import Testing

@testable import RabbitMQ

/// A publisher that runs, with its queue.
final class Node: Sendable {
  let configuration: RabbitMQConfiguration
  let log = RecordedLog()
  let published = PublishedChanges()
  let publisher: RabbitMQPublisher
  private let running: Running

  /// - Parameter isReachable: wait until it is connected.
  init(_ configuration: RabbitMQConfiguration, isReachable: Bool = true) async throws {
    self.configuration = configuration
    let publisher = try RabbitMQPublisher(
      configuration, published: published, logger: log.logger)
    self.publisher = publisher
    running = Running { await publisher.run() }
    if isReachable { try await publisher.untilHealthy() }
  }

  var queue: RabbitMQQueue { RabbitMQQueue(publisher: publisher) }

  /// What came of a submission; nil: it is queued.
  func submit(_ queued: QueuedWrite) async -> StoreError? {
    do throws(StoreError) {
      let receipt = try await queue.submit(queued)
      return receipt == .queued ? nil : .rejected(cause: "not queued")
    } catch {
      return error
    }
  }

  func stop() async { await running.stop() }

  /// How many messages a queue holds, by a connection of its own.
  func ready(in queue: String) async throws -> Int {
    try await offloaded { [configuration] in
      let connection = try BrokerConnection(
        to: configuration.addresses()[0], as: "test", configuration: configuration,
        interrupt: SocketInterrupt())
      try connection.openChannel(1)
      defer { connection.close() }
      return try connection.messagesReady(in: queue, on: 1)
    }
  }
}

extension StoreError? {
  var isUnavailable: Bool {
    if case .unavailable = self { true } else { false }
  }

  var isUnknown: Bool {
    if case .outcomeUnknown = self { true } else { false }
  }
}
