import Dispatch
public import KeyValueStore
public import Logging
import Synchronization

/// Takes queued writes out of the queue for kv-worker, with a connection and a thread of its own.
///
/// A delivery that is neither acknowledged nor rejected comes again, to this worker or to another
/// one: when its connection is lost, at the latest. It is put aside, in the dead-letter queue, when
/// it has come back too often.
public final class RabbitMQConsumer: Sendable {
  private let configuration: RabbitMQConfiguration
  private let addresses: [BrokerAddress]
  private let logger: Logger
  private let state: Mutex<ConsumerState>
  private let wakeup = Wakeup()
  private let interrupt = SocketInterrupt()

  private static let channel: UInt16 = 1
  /// For questions about queues: one that goes wrong closes its channel.
  private static let questionsChannel: UInt16 = 2
  /// How often it is looked how much waits in the queues.
  private static let lookInterval = Duration.seconds(5)

  /// A consumer that does nothing before `run`.
  public init(
    _ configuration: RabbitMQConfiguration, logger: Logger
  ) throws(BrokerAddressError) {
    self.configuration = configuration
    self.logger = logger
    addresses = try configuration.addresses()
    state = Mutex(
      ConsumerState(
        deliveriesMax: configuration.deliveriesMax, gathering: configuration.gathering))
  }

  /// Lives until its task is cancelled, and says then what was acknowledged before. Cancel it after
  /// the task that calls `next` has ended. Once only.
  public func run() async {
    let thread = ConnectionThread("amqp-consume") { self.work() }
    await withTaskCancellationHandler {
      await thread.ended()
    } onCancel: {
      state.withLock { $0.end() }?.resume(returning: [])
      wakeup.signal()
      // A broker that hangs must not keep the process.
      let patience = configuration.flushDeadline.timeInterval
      let queue = DispatchQueue(label: "amqp-end")
      queue.asyncAfter(deadline: .now() + patience) { self.interrupt.interrupt() }
      queue.asyncAfter(deadline: .now() + patience + 2) { thread.giveUp() }
    }
  }

  // MARK: For the worker

  /// The next deliveries, at least one and at most `deliveriesMax`: at once what has come already,
  /// else what comes within `gathering` of the first. For one task at a time.
  ///
  /// Empty: its task was cancelled, or the consumer is told to end. Without a broker it waits.
  public func next() async -> [Delivery] {
    await withTaskCancellationHandler {
      await withCheckedContinuation { waiter in
        let deliveries = state.withLock { state in
          // Asked under the lock: `onCancel` comes after the flag is set, so that it either finds
          // the continuation or the flag is found here.
          Task.isCancelled ? [] : state.take(for: waiter)
        }
        if let deliveries { waiter.resume(returning: deliveries) }
      }
    } onCancel: {
      state.withLock { $0.cancelWaiting() }?.resume(returning: [])
    }
  }

  /// The deliveries are done with. Never waits; one of a lost connection is ignored, as it comes
  /// again anyway.
  public func acknowledge(_ deliveries: [Delivery]) {
    let mustWake = state.withLock { $0.acknowledge(deliveries.map(\.tag)) }
    if mustWake { wakeup.signal() }
  }

  /// The deliveries can never be worked on: they go to the dead-letter queue.
  public func reject(_ deliveries: [Delivery]) { refuse(deliveries, requeue: false) }

  /// The deliveries come again, each at most as often as the delivery limit allows.
  public func requeue(_ deliveries: [Delivery]) { refuse(deliveries, requeue: true) }

  private func refuse(_ deliveries: [Delivery], requeue: Bool) {
    let mustWake = state.withLock { $0.refuse(deliveries.map(\.tag), requeue: requeue) }
    if mustWake { wakeup.signal() }
  }

  /// How much waits in the queues, as of some seconds ago; nil before the first look.
  public var depth: QueueDepth? { state.withLock { $0.depth } }

  /// Fails unless writes are being consumed now.
  public func checkHealth() throws(StoreError) {
    if let cause = state.withLock({ $0.trouble }) {
      throw .unavailable(cause: "RabbitMQ: \(cause)", retryAfter: 1)
    }
  }

  // MARK: The thread

  private func work() {
    var dialer = BrokerDialer(
      addresses, as: "kv consumer", configuration: configuration, interrupt: interrupt,
      wakeup: wakeup, logger: logger)
    while true {
      let connection = dialer.connect(
        unless: { state.withLock { $0.isEnding } },
        failed: { failure in state.withLock { $0.lost(failure.cause) } },
        prepare: { connection throws(ConnectionFailure) in try prepare(connection) })
      guard let connection else { return }
      do throws(ConnectionFailure) {
        try serve(connection)
        state.withLock { $0.lost("shutting down") }
        return connection.close()
      } catch {
        state.withLock { $0.lost(error.cause) }
        dialer.lost(connection, error)
      }
    }
  }

  private func prepare(_ connection: BrokerConnection) throws(ConnectionFailure) {
    try connection.openChannel(RabbitMQConsumer.channel)
    try connection.openChannel(RabbitMQConsumer.questionsChannel)
    try connection.declareWriteQueues(on: RabbitMQConsumer.questionsChannel)
    state.withLock { $0.connected() }
    try connection.consume(
      configuration.writesQueue, on: RabbitMQConsumer.channel, prefetch: configuration.prefetch)
  }

  /// Listens and tells until it is time to end.
  private func serve(_ connection: BrokerConnection) throws(ConnectionFailure) {
    let number = state.withLock { $0.connection }
    var lookAt = ContinuousClock.now
    while true {
      if ContinuousClock.now >= lookAt {
        try look(connection)
        lookAt = .now + RabbitMQConsumer.lookInterval
      }
      let hasHeard = try listen(to: connection, number: number)
      let now = ContinuousClock.now
      let (handOut, told, isEnding) = state.withLock { state in
        (state.handOut(at: now), state.takeWords(at: now), state.isEnding)
      }
      handOut?.0.resume(returning: handOut?.1 ?? [])
      for word in told.words { try tell(word, connection) }
      guard told.words.isEmpty else { continue }
      if isEnding { return }
      if !hasHeard { connection.wait(wakeup, for: told.patience) }
    }
  }

  /// Takes in what the broker has sent, up to one hand-out. False: nothing.
  private func listen(
    to connection: BrokerConnection, number: Int
  ) throws(ConnectionFailure) -> Bool {
    var deliveries: [Delivery] = []
    while deliveries.count < configuration.deliveriesMax, let event = try connection.nextEvent() {
      guard case .delivered(let delivery) = event else { continue }
      deliveries.append(
        Delivery(
          delivery.message, tag: DeliveryTag(connection: number, number: delivery.tag)))
    }
    if deliveries.isEmpty { return false }
    state.withLock { $0.received(deliveries, at: .now) }
    return true
  }

  private func tell(
    _ word: UnsettledDeliveries.Word, _ connection: BrokerConnection
  ) throws(ConnectionFailure) {
    switch word {
    case .acknowledge(let tag, let multiple):
      try connection.acknowledge(tag, on: RabbitMQConsumer.channel, multiple: multiple)
    case .refuse(let tag, let requeue):
      try connection.refuse(tag, on: RabbitMQConsumer.channel, requeue: requeue)
    }
  }

  private func look(_ connection: BrokerConnection) throws(ConnectionFailure) {
    let channel = RabbitMQConsumer.questionsChannel
    let ready = try connection.messagesReady(in: configuration.writesQueue, on: channel)
    let dead = try connection.messagesReady(in: configuration.deadLetterQueue, on: channel)
    state.withLock { $0.looked(ready: ready, dead: dead) }
  }
}

extension Duration {
  /// In seconds, for Dispatch.
  var timeInterval: Double {
    let (seconds, attoseconds) = components
    return Double(seconds) + Double(attoseconds) / 1e18
  }
}
