import Logging

/// Finds a broker to talk to, and another one when that is lost.
///
/// Not Sendable: belongs to the thread that talks.
struct BrokerDialer {
  private let addresses: [BrokerAddress]
  private let name: String
  private let configuration: RabbitMQConfiguration
  private let interrupt: SocketInterrupt
  private let wakeup: Wakeup
  private let logger: Logger
  private var backoff = Backoff()
  private var random = SystemRandomNumberGenerator()
  private var connectedAt: ContinuousClock.Instant?
  private var pause: Duration?
  /// What was logged last: a broker that stays away is reported once.
  private var reported: String?

  /// - Parameter name: what operators see of the connections at the broker.
  init(
    _ addresses: [BrokerAddress], as name: String, configuration: RabbitMQConfiguration,
    interrupt: SocketInterrupt, wakeup: Wakeup, logger: Logger
  ) {
    self.addresses = addresses
    self.name = name
    self.configuration = configuration
    self.interrupt = interrupt
    self.wakeup = wakeup
    self.logger = logger
  }

  /// Tries all brokers in random order, with a pause after each round, until one takes us and
  /// `prepare` has succeeded. Nil: `isEnding` has become true. Blocks.
  mutating func connect(
    unless isEnding: () -> Bool, failed: (ConnectionFailure) -> Void,
    prepare: (BrokerConnection) throws(ConnectionFailure) -> Void
  ) -> BrokerConnection? {
    while true {
      if let pause { rest(pause, unless: isEnding) }
      for address in addresses.shuffled(using: &random) {
        if isEnding() { return nil }
        do throws(ConnectionFailure) {
          let connection = try BrokerConnection(
            to: address, as: name, configuration: configuration, interrupt: interrupt)
          try prepare(connection)
          connectedAt = .now
          pause = nil
          reported = nil
          logger.notice("connected to RabbitMQ", metadata: metadata(address))
          return connection
        } catch {
          report(error, at: address)
          failed(error)
        }
      }
      pause = backoff.next(random: &random)
    }
  }

  /// Tells the log why a connection is over. The next one is tried at once, unless this one ended
  /// as soon as it had begun.
  mutating func lost(_ connection: BrokerConnection, _ failure: ConnectionFailure) {
    var metadata = metadata(connection.address)
    metadata["cause"] = "\(failure.cause)"
    logger.warning("lost the connection to RabbitMQ", metadata: metadata)
    if let connectedAt, ContinuousClock.now - connectedAt > Backoff.longest { backoff.reset() }
    pause = backoff.next(random: &random)
  }

  private func rest(_ pause: Duration, unless isEnding: () -> Bool) {
    let end = ContinuousClock.now + pause
    while !isEnding(), case let left = end - .now, left > .zero { wakeup.wait(for: left) }
  }

  private mutating func report(_ failure: ConnectionFailure, at address: BrokerAddress) {
    let text = "\(address.name): \(failure.cause)"
    if reported == text { return }
    reported = text
    var metadata = metadata(address)
    metadata["cause"] = "\(failure.cause)"
    logger.warning("could not connect to RabbitMQ", metadata: metadata)
  }

  private func metadata(_ address: BrokerAddress) -> Logger.Metadata {
    ["broker": "\(address.name)", "connection": "\(name)"]
  }
}
