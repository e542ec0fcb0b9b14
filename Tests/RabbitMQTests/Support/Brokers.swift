import CRabbitMQ
import Foundation
import Synchronization
import TestServices

@testable import RabbitMQ

/// The broker of all tests that leave it alone; each test has queues of its own.
enum SharedBroker {
  private static let broker = Broker()

  /// Starts it when it is first needed.
  static func running() async throws -> RabbitMQServer { try await broker.starting.value }
}

/// A broker that tests kill and pause; each leaves it running.
enum TroubledBroker {
  private static let broker = Broker()

  /// Starts it when it is first needed.
  static func running() async throws -> RabbitMQServer { try await broker.starting.value }
}

/// A broker that lives as long as the process.
private struct Broker {
  let starting = Task {
    let started = try await offloaded { try RabbitMQServer() }
    Broker.started.withLock { $0.append(started) }
    // Its folder is deleted with it, and nothing else releases a global.
    atexit { Broker.removeAll() }
    return started
  }

  private static let started = Mutex<[RabbitMQServer]>([])

  private static func removeAll() {
    let servers = started.withLock { started in
      defer { started = [] }
      return started
    }
    for server in servers { server.remove() }
  }
}

extension RabbitMQConfiguration {
  /// With queues that no other test uses.
  init(_ servers: RabbitMQServer..., password: String = "guest") {
    self.init(urls: servers.map { "amqp://guest:\(password)@127.0.0.1:\($0.port)" })
    queuePrefix = "t" + UUID().uuidString.prefix(13)
  }
}

extension RabbitMQConfiguration {
  /// Runs `body` with a connection of its own that has channel 1.
  func withConnection<Result: Sendable>(
    _ body: @escaping @Sendable (BrokerConnection) throws -> Result
  ) async throws -> Result {
    try await offloaded { [self] in
      let connection = try BrokerConnection(
        to: addresses()[0], as: "test", configuration: self, interrupt: SocketInterrupt())
      try connection.openChannel(1)
      defer { connection.close() }
      return try body(connection)
    }
  }
}

extension BrokerConnection {
  /// Returns a delivery to its queue.
  func requeue(_ tag: UInt64, on channel: UInt16) throws(BrokerFailure) {
    let status = amqp_basic_nack(state, channel, tag, 0, 1)
    if let failure = BrokerFailure(status: status, "requeueing") { throw failure }
  }

  /// Deletes a queue with all it holds.
  func delete(_ queue: String, on channel: UInt16) throws(BrokerFailure) {
    try withBytes(of: queue) { name throws(BrokerFailure) in
      _ = amqp_queue_delete(state, channel, name, 0, 0)
      try check("deleting a queue")
    }
  }
}
