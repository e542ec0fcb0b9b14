import Logging
import Synchronization

/// Prevents a queue from being made while few brokers are there to hold its replicas.
///
/// A queue gets its replicas when it is first declared: on the brokers that are in the cluster
/// then, whether or not they run. A broker that joins later gets none. So a process that finds a
/// queue missing first checks that all brokers of its list are in one cluster.
final class QueueFounding: Sendable {
  private let configuration: RabbitMQConfiguration
  private let addresses: [BrokerAddress]
  private let logger: Logger
  private let waitingSince = Mutex<ContinuousClock.Instant?>(nil)

  init(_ configuration: RabbitMQConfiguration, addresses: [BrokerAddress], logger: Logger) {
    self.configuration = configuration
    self.addresses = addresses
    self.logger = logger
  }

  /// Why a queue must not be declared now; nil: it may be declared, or exists. If it is missing,
  /// this blocks until the other brokers were asked.
  func obstacle(
    to queue: String, on channel: UInt16, of connection: BrokerConnection
  ) throws(BrokerFailure) -> String? {
    if addresses.count == 1 { return nil }
    if try connection.hasQueue(queue, on: channel) {
      waitingSince.withLock { $0 = nil }
      return nil
    }
    let count = try membersSeen(from: connection)
    let seen = "\(count) of \(addresses.count) brokers in one cluster"
    if count == addresses.count { return nil }
    let waited = waitingSince.withLock { since in
      since = since ?? .now
      return since.map { ContinuousClock.now - $0 } ?? .zero
    }
    // A majority keeps what it has confirmed, even if the queue is not as available as it could be.
    guard waited > configuration.foundingPatience, count > addresses.count / 2 else {
      return "\(queue) is to be made, which waits for all brokers: \(seen)"
    }
    logger.warning(
      "a queue is made with few replicas; see `rabbitmq-queues grow`",
      metadata: ["queue": "\(queue)", "seen": "\(seen)"])
    return nil
  }

  /// How many brokers of the list are in the cluster of `connection`, its own included: those that
  /// know a queue which is made for a moment. The name of the cluster does not tell: unless it is
  /// configured, each node has a different one.
  private func membersSeen(from connection: BrokerConnection) throws(BrokerFailure) -> Int {
    let queue = "\(configuration.queuePrefix).census.\(UInt64.random(in: .min ... .max))"
    let founder = try connect(to: connection.address)
    // The queue is deleted with its connection.
    try founder.declareExclusive(queue, on: QueueFounding.channel)
    defer { founder.close() }
    return addresses.count { address in
      if address == connection.address { return true }
      guard let other = try? connect(to: address) else { return false }
      defer { other.close() }
      return (try? other.hasQueue(queue, on: QueueFounding.channel)) ?? false
    }
  }

  private static let channel: UInt16 = 1

  private func connect(to address: BrokerAddress) throws(BrokerFailure) -> BrokerConnection {
    let connection = try BrokerConnection(
      to: address, as: "kv census", configuration: configuration, interrupt: SocketInterrupt())
    try connection.openChannel(QueueFounding.channel)
    return connection
  }
}
