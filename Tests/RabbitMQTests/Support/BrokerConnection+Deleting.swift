import CRabbitMQ

@testable import RabbitMQ

extension BrokerConnection {
  /// Deletes a queue with all it holds.
  func delete(_ queue: String, on channel: UInt16) throws(ConnectionFailure) {
    try withBytes(of: queue) { name throws(ConnectionFailure) in
      _ = amqp_queue_delete(state, channel, name, 0, 0)
      try check("deleting a queue")
    }
  }
}
