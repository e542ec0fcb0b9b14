import Dispatch
public import KeyValueStore
public import Logging
import Synchronization

/// Takes queued writes out of the queue for kv-worker, with a connection and a thread of its own.
///
/// A delivery that is neither acknowledged nor rejected comes again, to this worker or to another
/// one, however often: when its connection is lost, at the latest.
///
/// It holds a bounded number of bytes; more waits with the broker. A connection on which nothing is
/// delivered though the queue is not empty, or on which nothing is answered, is given up for
/// another.
public final class RabbitMQConsumer: Sendable {
  private let configuration: RabbitMQConfiguration
  private let addresses: [BrokerAddress]
  private let logger: Logger
  private let state: Mutex<ConsumerState>
  private let wakeup = Wakeup()
  private let interrupt = SocketInterrupt()
  private let founding: QueueFounding

  private static let channel: UInt16 = 1
  /// How often it is looked whether anything moves.
  private static let sweep = DispatchTimeInterval.milliseconds(250)

  /// A consumer that does nothing before `run`.
  public init(
    _ configuration: RabbitMQConfiguration, logger: Logger
  ) throws(BrokerAddressError) {
    self.configuration = configuration
    self.logger = logger
    addresses = try configuration.addresses()
    founding = QueueFounding(configuration, addresses: addresses, logger: logger)
    state = Mutex(ConsumerState(configuration: configuration))
  }

  /// Lives until its task is cancelled, and says then what was acknowledged before. Cancel it after
  /// the task that calls `next` has ended. Once only.
  public func run() async {
    let depths = DepthWatch(configuration, addresses: addresses, logger: logger) { depths in
      self.state.withLock { $0.looked(depths, at: .now) }
    }
    async let looking: Void = depths.run()
    await consume()
    await looking
  }

  private func consume() async {
    let thread = ConnectionThread("amqp-consume") { self.work() }
    // Not on the thread, which the C library may hold up for longer than anybody wants to wait.
    let timer = DispatchSource.makeTimerSource(queue: DispatchQueue(label: "amqp-consume-sweep"))
    timer.setEventHandler {
      if self.state.withLock({ $0.mustGiveUp(at: .now) }) { self.interrupt.interrupt() }
    }
    timer.schedule(
      deadline: .now() + RabbitMQConsumer.sweep, repeating: RabbitMQConsumer.sweep,
      leeway: .milliseconds(50))
    timer.resume()
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
    timer.cancel()
  }

  // MARK: For the worker

  /// The next deliveries, at least one and at most `deliveriesMax`: at once what has come already,
  /// else what comes within `gathering` of the first. For one task at a time.
  ///
  /// Empty: its task was cancelled, or the consumer is told to end. Without a broker it waits. Who
  /// asks for more holds the deliveries before no longer, settled or not.
  public func next() async -> [Delivery] {
    await withTaskCancellationHandler {
      await withCheckedContinuation { waiter in
        let (deliveries, mustWake) = state.withLock { state in
          // Asked under the lock: `onCancel` comes after the flag is set, so that it either finds
          // the continuation or the flag is found here.
          Task.isCancelled ? ([], false) : state.take(for: waiter)
        }
        if let deliveries { waiter.resume(returning: deliveries) }
        if mustWake { wakeup.signal() }
      }
    } onCancel: {
      state.withLock { $0.cancelWaiting() }?.resume(returning: [])
    }
  }

  /// The deliveries are done with. Never waits; one of a lost connection is ignored, as it comes
  /// again anyway.
  public func acknowledge(_ deliveries: [Delivery]) {
    let mustWake = state.withLock { $0.acknowledge(deliveries) }
    if mustWake { wakeup.signal() }
  }

  /// The deliveries can never be worked on: they go to the dead-letter queue.
  public func reject(_ deliveries: [Delivery]) { refuse(deliveries, requeue: false) }

  /// The deliveries come again.
  public func requeue(_ deliveries: [Delivery]) { refuse(deliveries, requeue: true) }

  private func refuse(_ deliveries: [Delivery], requeue: Bool) {
    let mustWake = state.withLock { $0.refuse(deliveries, requeue: requeue) }
    if mustWake { wakeup.signal() }
  }

  /// How much waits in the queues, as of a second ago; nil: nobody knows.
  public var depth: QueueDepth? { state.withLock { $0.depth } }

  /// Bytes of deliveries that are held, here and by who has taken them.
  public var bytesHeld: Int { state.withLock { $0.bytesHeld } }

  /// Connections that were given up because nothing moved on them.
  public var stalls: Int { state.withLock { $0.stalls } }

  /// Fails unless writes are being consumed now, as far as can be seen.
  public func checkHealth() throws(StoreError) {
    if let cause = state.withLock({ $0.trouble(at: .now) }) {
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
        failed: { failure in state.withLock { $0.lost($0.explain(failure).cause) } },
        prepare: { connection throws(ConnectionFailure) in try prepare(connection) })
      guard let connection else { return }
      do throws(ConnectionFailure) {
        try serve(connection)
        let isFull = state.withLock { $0.room <= 0 }
        state.withLock { $0.lost("shutting down") }
        // The answer comes after all that was not read.
        if !isFull { connection.close() }
        return
      } catch {
        let failure = state.withLock { $0.explain(error) }
        state.withLock { $0.lost(failure.cause) }
        dialer.lost(connection, failure)
      }
    }
  }

  private func prepare(_ connection: BrokerConnection) throws(ConnectionFailure) {
    let channel = RabbitMQConsumer.channel
    try connection.openChannel(channel)
    let queue = configuration.writesQueue
    if let obstacle = try founding.obstacle(to: queue, on: channel, of: connection) {
      throw ConnectionFailure(obstacle)
    }
    if try connection.declareWriteQueues(on: RabbitMQConsumer.channel) == .limited {
      logger.warning(
        "an earlier version made the queue: RabbitMQ puts aside what comes back 50 times",
        metadata: ["queue": "\(configuration.writesQueue)", "see": "Upgrade, in SETUP.md"])
    }
    let prefetch = state.withLock { state in
      state.connected(at: .now)
      return state.prefetch
    }
    try connection.consume(queue, on: channel, prefetch: prefetch)
  }

  /// Listens and tells until it is time to end.
  private func serve(_ connection: BrokerConnection) throws(ConnectionFailure) {
    let number = state.withLock { $0.connection }
    while true {
      let room = state.withLock { $0.room }
      let hasHeard = room > 0 ? try listen(to: connection, number: number, room: room) : false
      let now = ContinuousClock.now
      let (handOut, told, isFull, isEnding) = state.withLock { state in
        (state.handOut(at: now), state.takeWords(at: now), state.room <= 0, state.isEnding)
      }
      handOut?.0.resume(returning: handOut?.1 ?? [])
      for word in told.words { try tell(word, connection) }
      guard told.words.isEmpty else { continue }
      if isEnding { return }
      if isFull {
        state.withLock { $0.pausesReading() }
        try connection.waitWithoutReading(wakeup)
      } else if state.withLock({ $0.isTooTimid }) {
        throw ConnectionFailure("deliveries have become shorter: more are taken at a time")
      } else if !hasHeard {
        if state.withLock({ $0.mustAsk(at: now) }) {
          try connection.ask(RabbitMQConsumer.channel, prefetch: configuration.prefetch)
        }
        connection.wait(wakeup, for: told.patience)
      }
    }
  }

  /// Takes in what the broker has sent, up to one hand-out or to so many bytes. False: nothing.
  private func listen(
    to connection: BrokerConnection, number: Int, room: Int
  ) throws(ConnectionFailure) -> Bool {
    var deliveries: [Delivery] = []
    var bytes = 0
    while deliveries.count < configuration.deliveriesMax, bytes < room,
      let event = try connection.nextEvent()
    {
      if case .answered = event { state.withLock { $0.answered() } }
      guard case .delivered(let delivery) = event else { continue }
      deliveries.append(
        Delivery(
          delivery.message, tag: DeliveryTag(connection: number, number: delivery.tag)))
      bytes += deliveries[deliveries.count - 1].bytes
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
}

extension Duration {
  /// In seconds, for Dispatch.
  var timeInterval: Double {
    let (seconds, attoseconds) = components
    return Double(seconds) + Double(attoseconds) / 1e18
  }
}
