public import KeyValueStore
public import Logging
import Observability
import Synchronization

/// Takes queued writes out of the queue for kv-worker, with a connection and a thread of its own.
///
/// A delivery that is neither acknowledged nor rejected comes again, to this worker or to another
/// one, as often as it takes: at the latest when its connection is lost. The others of its message
/// then come with it.
///
/// The consumer holds a bounded number of bytes; the rest waits at the broker. It gives up a
/// connection on which the broker delivers nothing although the queue is not empty, or answers
/// nothing.
public final class RabbitMQConsumer: WriteSource, Sendable {
  private let configuration: RabbitMQConfiguration
  private let logger: Logger
  private let thread: BrokerThread
  private let depthThread: BrokerThread
  private let state: Mutex<ConsumerState>

  private static let channel: UInt16 = 1
  private static let burialChannel: UInt16 = 2

  /// A consumer that does nothing before `run`.
  public init(
    _ configuration: RabbitMQConfiguration, metrics: RabbitMQMetrics, logger: Logger
  ) throws(BrokerAddressError) {
    self.configuration = configuration
    self.logger = logger
    thread = try BrokerThread(
      "consumer", configuration: configuration, grace: configuration.flushDeadline,
      stalls: metrics.stalls[.consumer], logger: logger)
    depthThread = try BrokerThread("depth", configuration: configuration, logger: logger)
    state = Mutex(ConsumerState(configuration: configuration))
  }

  /// Works until its task is cancelled, and then tells the broker what was acknowledged before.
  /// Cancel it after the task that calls `next` has ended. Once only.
  public func run() async {
    let depths = DepthWatch(configuration: configuration, thread: depthThread) { depth in
      self.state.withLock { $0.observed(depth, at: .now) }
    }
    async let watching: Void = depthThread.run(depths)
    await thread.run(self)
    await watching
  }

  // MARK: For the worker

  /// The next deliveries, at least one and at most `batchDeliveriesMax`: what has come within
  /// `gathering` of the first, and under load within `batchInterval`. For one task at a time.
  ///
  /// Empty when its task is cancelled or the consumer was told to end. Waits while there is no
  /// broker. The next call releases the deliveries of the last, finished or not.
  public func next() async -> [Delivery] {
    await withTaskCancellationHandler {
      await withCheckedContinuation { waiter in
        let (deliveries, mustWake) = state.withLock { state in
          // Asked under the lock: `onCancel` is called after the flag is set, so either it finds
          // the continuation, or the flag is seen here.
          Task.isCancelled ? ([], false) : state.take(for: waiter, at: .now)
        }
        if let deliveries { waiter.resume(returning: deliveries) }
        if mustWake { thread.wake() }
      }
    } onCancel: {
      state.withLock { $0.cancelWaiting() }?.resume(returning: [])
    }
  }

  /// See `WriteSource`. A delivery of a lost connection is ignored, as it comes again anyway.
  public func acknowledge(_ deliveries: [Delivery]) {
    if state.withLock({ $0.acknowledge(deliveries) }) { thread.wake() }
  }

  /// See `WriteSource`. The deliveries go to the dead-letter queue.
  public func reject(_ deliveries: [Delivery]) {
    if state.withLock({ $0.reject(deliveries) }) { thread.wake() }
  }

  /// How many writes a message carries, as a moving average; 1 before the first has come.
  public var messageWrites: Double { state.withLock { $0.usualWrites ?? 1 } }

  /// How much waits in the queues, at most a second old; nil: unknown.
  public var depth: QueueDepth? { state.withLock { $0.depth } }

  /// Bytes of deliveries that the consumer and the worker hold.
  public var bytesHeld: Int { state.withLock { $0.bytesHeld } }

  /// Fails unless writes are being consumed now, as far as can be seen.
  public func checkHealth() throws(StoreError) {
    if let cause = state.withLock({ $0.trouble(at: .now) }) {
      throw .unavailable(cause: "RabbitMQ: \(cause)", retryAfter: 1)
    }
  }
}

extension RabbitMQConsumer: BrokerJob {
  func prepare(_ connection: BrokerConnection) throws(BrokerFailure) {
    let channel = RabbitMQConsumer.channel
    try connection.openChannel(channel)
    let queue = configuration.writesQueue
    if let obstacle = try thread.founding.obstacle(to: queue, on: channel, of: connection) {
      throw BrokerFailure(obstacle)
    }
    if try connection.declareWriteQueues(on: channel) == .limited {
      logger.warning(
        "an earlier version made the queue: RabbitMQ puts aside what comes back 50 times",
        metadata: ["queue": "\(queue)", "see": "Upgrade, in SETUP.md"])
    }
    try connection.openChannel(RabbitMQConsumer.burialChannel)
    try connection.confirm(on: RabbitMQConsumer.burialChannel)
    let prefetch = state.withLock { state in
      state.connected(at: .now)
      return state.prefetch
    }
    try connection.consume(queue, on: channel, prefetch: prefetch)
  }

  func serve(_ connection: BrokerConnection) throws(BrokerFailure) -> BrokerThread.Next {
    let hasHeard = try listen(to: connection)
    let now = ContinuousClock.now
    let (handOut, told, isFull, isEnding) = state.withLock { state in
      let handOut = state.handOut(at: now)
      let told = state.takeReplies(at: now)
      let isFull = state.room <= 0
      // What was put aside is confirmed before the end, unless the confirms can't be read.
      return (handOut, told, isFull, state.isEnding && (isFull || !state.isBurying))
    }
    if let (waiter, deliveries) = handOut { waiter.resume(returning: deliveries) }
    try send(told.replies, to: connection)
    guard told.replies.isEmpty else { return .again }
    if isEnding {
      state.withLock { $0.lost("shutting down") }
      return isFull ? .drop : .close
    }
    if isFull {
      // What the broker sends meanwhile can't be known.
      state.withLock { $0.progress.restart() }
      return .waitWithoutReading
    }
    if state.withLock({ $0.isTooTimid }) {
      throw BrokerFailure("deliveries have become shorter: more are taken at a time")
    }
    if hasHeard { return .again }
    if state.withLock({ $0.progress.mustAsk(at: now) }) {
      try connection.ask(RabbitMQConsumer.channel, prefetch: configuration.prefetch)
    }
    return .wait(for: told.pause)
  }

  /// Reads what the broker has sent, up to one batch or to the bytes that there is room for. False:
  /// nothing was delivered.
  private func listen(to connection: BrokerConnection) throws(BrokerFailure) -> Bool {
    let (room, number) = state.withLock { ($0.room, $0.connection) }
    var messages: [ReceivedWrites] = []
    var (writes, bytes) = (0, 0)
    while writes < configuration.batchDeliveriesMax, bytes < room,
      let event = try connection.nextEvent()
    {
      switch event {
      case .delivered(let delivery):
        let message = ReceivedWrites(
          delivery.message, connection: number, number: delivery.tag)
        messages.append(message)
        writes += message.deliveries.count
        bytes += message.bytes
      case .answered: state.withLock { $0.progress.answered() }
      case .confirmed(let confirm):
        guard confirm.isPositive else { throw BrokerFailure("the broker refused a dead letter") }
        state.withLock { $0.confirmed(confirm) }
      case .returned(_, let reason):
        throw BrokerFailure("the dead-letter queue is gone: \(reason)")
      case .blocked, .unblocked: break
      }
    }
    if messages.isEmpty { return false }
    state.withLock { $0.received(messages, at: .now) }
    return true
  }

  private func send(
    _ told: ConsumerState.Replies, to connection: BrokerConnection
  ) throws(BrokerFailure) {
    let channel = RabbitMQConsumer.channel
    for reply in told.replies {
      switch reply {
      case .acknowledge(let tag, let multiple):
        try connection.acknowledge(tag, on: channel, multiple: multiple)
      case .reject(let tag): try connection.reject(tag, on: channel)
      }
    }
    // After the acknowledgements: a broker without memory reads nothing more from a connection that
    // publishes.
    for message in told.burials {
      try connection.publish(
        message, to: configuration.deadLetterQueue, on: RabbitMQConsumer.burialChannel)
    }
  }

  func lost(_ cause: String) { state.withLock { $0.lost(cause) } }

  func stall(at now: ContinuousClock.Instant) -> String? {
    state.withLock { $0.stall(at: now) }
  }

  func end(at now: ContinuousClock.Instant) {
    state.withLock { $0.end() }?.resume(returning: [])
  }
}
