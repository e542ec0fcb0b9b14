import Foundation
import Synchronization
import TestServices

/// A broker that tests kill and pause; each leaves it running.
enum TroubledBroker {
  private static let server = Mutex<RabbitMQServer?>(nil)

  private static let starting = Task {
    let started = try await offloaded { try RabbitMQServer() }
    server.withLock { $0 = started }
    atexit { TroubledBroker.end() }
    return started
  }

  /// Starts it for the first who asks.
  static func running() async throws -> RabbitMQServer { try await starting.value }

  private static func end() { server.withLock { $0?.remove() } }
}
