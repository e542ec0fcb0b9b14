import Foundation
@testable import RabbitMQ
import Synchronization
import TestServices

/// The broker of all tests that leave it alone; each has queues of its own.
enum SharedBroker {
  private static let server = Mutex<RabbitMQServer?>(nil)

  private static let starting = Task {
    let started = try await offloaded { try RabbitMQServer() }
    server.withLock { $0 = started }
    // Its folder goes with it, and nothing else lets go of a global.
    atexit { SharedBroker.end() }
    return started
  }

  /// Starts it for the first who asks.
  static func running() async throws -> RabbitMQServer { try await starting.value }

  private static func end() { server.withLock { $0?.remove() } }
}

extension RabbitMQConfiguration {
  /// For queues that nobody else uses.
  init(_ servers: RabbitMQServer..., password: String = "guest") {
    self.init(urls: servers.map { "amqp://guest:\(password)@127.0.0.1:\($0.port)" })
    queuePrefix = "t" + UUID().uuidString.prefix(13)
  }
}
