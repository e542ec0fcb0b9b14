import Dispatch
import Logging
import Synchronization

/// Looks how much waits in the queues, with a connection and a thread of its own: a consumer that
/// is stuck, or reads nothing because it holds enough, must not keep it from being known.
final class DepthWatch: Sendable {
  private let configuration: RabbitMQConfiguration
  private let addresses: [BrokerAddress]
  private let logger: Logger
  private let looked: @Sendable (_ depths: (ready: Int, dead: Int)?) -> Void
  private let isEnding = Atomic(false)
  private let wakeup = Wakeup()
  private let interrupt = SocketInterrupt()

  private static let channel: UInt16 = 1
  /// How often it looks.
  private static let interval = Duration.seconds(1)

  /// - Parameter looked: is told what was seen, or nil while nothing can be.
  init(
    _ configuration: RabbitMQConfiguration, addresses: [BrokerAddress], logger: Logger,
    looked: @escaping @Sendable ((ready: Int, dead: Int)?) -> Void
  ) {
    self.configuration = configuration
    self.addresses = addresses
    self.logger = logger
    self.looked = looked
  }

  /// Lives until its task is cancelled. Once only.
  func run() async {
    let thread = ConnectionThread("amqp-look") { self.work() }
    await withTaskCancellationHandler {
      await thread.ended()
    } onCancel: {
      isEnding.store(true, ordering: .relaxed)
      wakeup.signal()
      // There is nothing to finish; a broker that hangs must not keep the process.
      let queue = DispatchQueue(label: "amqp-look-end")
      queue.asyncAfter(deadline: .now() + 1) { self.interrupt.interrupt() }
      queue.asyncAfter(deadline: .now() + 2) { thread.giveUp() }
    }
  }

  private var mustEnd: Bool { isEnding.load(ordering: .relaxed) }

  private func work() {
    var dialer = BrokerDialer(
      addresses, as: "kv depth", configuration: configuration, interrupt: interrupt,
      wakeup: wakeup, logger: logger)
    while true {
      let connection = dialer.connect(
        unless: { mustEnd }, failed: { _ in looked(nil) },
        prepare: { connection throws(ConnectionFailure) in
          try connection.openChannel(DepthWatch.channel)
        })
      guard let connection else { return }
      do throws(ConnectionFailure) {
        while !mustEnd {
          try look(connection)
          while try connection.nextEvent() != nil {}
          connection.wait(wakeup, for: DepthWatch.interval)
        }
        return connection.close()
      } catch {
        looked(nil)
        dialer.lost(connection, error)
      }
    }
  }

  private func look(_ connection: BrokerConnection) throws(ConnectionFailure) {
    let channel = DepthWatch.channel
    do throws(ConnectionFailure) {
      let ready = try connection.messagesReady(in: configuration.writesQueue, on: channel)
      let dead = try connection.messagesReady(in: configuration.deadLetterQueue, on: channel)
      looked((ready, dead))
    } catch {
      // There is no such queue, not yet or for now.
      guard error.isOfChannel else { throw error }
      looked(nil)
      try connection.agreeToClosing(channel)
      try connection.openChannel(channel)
    }
  }
}
