public import KeyValueStore
public import Logging
import Observability
import Synchronization

/// Takes queued writes out of the queue for kv-worker, with a connection and a thread of its own.
///
/// A delivery that is neither acknowledged nor rejected comes again, to this worker or to another
/// one, as often as it takes: at the latest when its connection is lost.
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

  /// The next deliveries, at least one and at most `batchDeliveriesMax`: what has come already, at
  /// once; else what comes within `gathering` of the first. For one task at a time.
  ///
  /// Empty when its task is cancelled or the consumer was told to end. Waits while there is no
  /// broker. The next call releases the deliveries of the last, finished or not.
  public func next() async -> [Delivery] {
    await withTaskCancellationHandler {
      await withCheckedContinuation { waiter in
        let (deliveries, mustWake) = state.withLock { state in
          // Asked under the lock: `onCancel` is called after the flag is set, so either it finds
          // the continuation, or the flag is seen here.
          Task.isCancelled ? ([], false) : state.take(for: waiter)
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
      (state.handOut(at: now), state.takeReplies(at: now), state.room <= 0, state.isEnding)
    }
    if let (waiter, deliveries) = handOut { waiter.resume(returning: deliveries) }
    for reply in told.replies { try send(reply, to: connection) }
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
    var deliveries: [Delivery] = []
    var bytes = 0
    while deliveries.count < configuration.batchDeliveriesMax, bytes < room,
      let event = try connection.nextEvent()
    {
      if case .answered = event { state.withLock { $0.progress.answered() } }
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

  private func send(
    _ reply: UnacknowledgedDeliveries.Reply, to connection: BrokerConnection
  ) throws(BrokerFailure) {
    let channel = RabbitMQConsumer.channel
    switch reply {
    case .acknowledge(let tag, let multiple):
      try connection.acknowledge(tag, on: channel, multiple: multiple)
    case .reject(let tag): try connection.reject(tag, on: channel)
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
