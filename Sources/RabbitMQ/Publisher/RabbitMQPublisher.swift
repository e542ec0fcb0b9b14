public import KeyValueStore
public import Logging
import Observability
import Synchronization

/// Publishes queued writes and change events. A process has one, with a connection and a thread of
/// its own and several messages on their way at a time, each of as many writes or changes as wait.
///
/// What was sent and not confirmed when a connection is lost is sent again on the next one: a write
/// or a change may arrive more than once.
public final class RabbitMQPublisher: Sendable {
  private let configuration: RabbitMQConfiguration
  private let published: PublishedChanges?
  private let metrics: RabbitMQMetrics
  private let logger: Logger
  private let thread: BrokerThread
  private let state: Mutex<PublisherState>

  /// A publisher that does nothing before `run`.
  /// - Parameter published: is given the commits whose changes the stream can't lose any more.
  public init(
    _ configuration: RabbitMQConfiguration, published: PublishedChanges?, metrics: RabbitMQMetrics,
    logger: Logger
  ) throws(BrokerAddressError) {
    self.configuration = configuration
    self.published = published
    self.metrics = metrics
    self.logger = logger
    thread = try BrokerThread(
      "publisher", configuration: configuration, grace: configuration.flushDeadline,
      stalls: metrics.stalls[.publisher], logger: logger)
    state = Mutex(PublisherState(configuration: configuration))
  }

  /// Works until its task is cancelled, and then until everything that was accepted is confirmed,
  /// but at most for `flushDeadline`. Once only.
  public func run() async {
    await thread.run(self)
    give(state.withLock { $0.ended() })
  }

  // MARK: For the queue and the feed

  /// Returns nil once a queue has the write, or else why none has it.
  func submit(_ queued: QueuedWrite) async -> StoreError? {
    await withCheckedContinuation { caller in
      let now = ContinuousClock.now
      let write = UnconfirmedWrite(
        queued, deadline: now + configuration.confirmDeadline, caller: caller)
      let (refusal, mustWake) = state.withLock { state in
        let (refusal, mustWake) = state.add(write, at: now)
        // Under the lock: before another thread can count that the write is finished.
        if refusal == nil { metrics.unconfirmedWrites.add(1) }
        return (refusal, mustWake)
      }
      if let refusal { caller.resume(returning: refusal) }
      if mustWake { thread.wake() }
    }
  }

  /// Accepts changes. Never waits.
  func publish(_ pieces: [PendingChanges]) throws(StoreError) {
    let (refusal, mustWake) = state.withLock { $0.add(pieces, at: .now) }
    if let refusal { throw refusal }
    if mustWake { thread.wake() }
  }

  /// Returns once the stream has all changes that were accepted before.
  func flush() async throws(StoreError) {
    let error = await withCheckedContinuation { caller in
      let deadline = ContinuousClock.now + configuration.confirmDeadline
      let (isDone, mustWake) = state.withLock { $0.flush(caller, deadline: deadline) }
      if isDone { caller.resume(returning: nil) }
      if mustWake { thread.wake() }
    }
    if let error { throw error }
  }

  /// Fails unless messages can be published now, and are confirmed in time.
  public func checkHealth() throws(StoreError) {
    if let trouble = state.withLock({ $0.trouble(at: .now) }) { throw trouble }
  }

  /// Writes and bytes that are neither confirmed nor given up.
  var outstanding: (writes: Int, writeBytes: Int, changeBytes: Int) {
    state.withLock {
      ($0.writes.count, $0.writes.bytes, $0.changeBytesOutstanding)
    }
  }

  private func give(_ answers: PublisherAnswers) {
    if answers.finishedWrites > 0 { metrics.unconfirmedWrites.add(-answers.finishedWrites) }
    answers.give(published)
  }
}

extension RabbitMQPublisher: BrokerJob {
  func prepare(_ connection: BrokerConnection) throws(BrokerFailure) {
    let channel = PublisherState.writesChannel
    try connection.openChannel(channel)
    let queue = configuration.writesQueue
    if let obstacle = try thread.founding.obstacle(to: queue, on: channel, of: connection) {
      throw BrokerFailure(obstacle)
    }
    try connection.declareWriteQueues(on: channel)
    try connection.confirm(on: channel)
    try prepareChanges(connection)
    state.withLock { $0.connected() }
  }

  /// The stream may be away for longer than the queue, which is no reason to refuse writes.
  private func prepareChanges(_ connection: BrokerConnection) throws(BrokerFailure) {
    let channel = PublisherState.changesChannel
    do throws(BrokerFailure) {
      try connection.openChannel(channel)
      let stream = configuration.changesStream
      if let obstacle = try thread.founding.obstacle(to: stream, on: channel, of: connection) {
        try connection.closeChannel(channel)
        return report(trouble: obstacle)
      }
      try connection.declareChanges(on: channel)
      try connection.confirm(on: channel)
      report(trouble: nil)
    } catch {
      guard error.isOfChannel else { throw error }
      try connection.agreeToClosing(channel)
      report(trouble: error.cause)
    }
  }

  private func report(trouble: String?) {
    let isNews = state.withLock { $0.changesAre(inTrouble: trouble, at: .now) }
    guard isNews else { return }
    if let trouble {
      logger.warning("changes can't be published", metadata: ["cause": "\(trouble)"])
    } else {
      logger.notice("changes can be published again")
    }
  }

  func serve(_ connection: BrokerConnection) throws(BrokerFailure) -> BrokerThread.Next {
    if state.withLock({ $0.mustRetryChanges(at: .now) }) { try prepareChanges(connection) }
    guard connection.hasRoomToSend else {
      if try listen(to: connection) { return .again }
      if state.withLock({ $0.isPastFlush(at: .now) }) { return .close }
      return .wait(for: .milliseconds(100), toSend: true)
    }
    switch state.withLock({ $0.step(at: .now) }) {
    case .end: return .close
    case .send(let writes, let changes):
      try send(writes, changes, on: connection)
      _ = try listen(to: connection)
      return .again
    case .wait(let end):
      if try listen(to: connection) { return .again }
      return .wait(for: end.map { max(.zero, $0 - .now) })
    }
  }

  private func send(
    _ writes: [SentWrites], _ changes: [PendingChanges], on connection: BrokerConnection
  ) throws(BrokerFailure) {
    for sent in writes {
      try connection.publish(
        sent.message, to: configuration.writesQueue, on: PublisherState.writesChannel)
    }
    for piece in changes {
      try connection.publish(
        OutgoingMessage(id: [], body: piece.body), to: configuration.changesStream,
        on: PublisherState.changesChannel)
    }
  }

  /// Reads what the broker has sent. False: nothing.
  private func listen(to connection: BrokerConnection) throws(BrokerFailure) -> Bool {
    var confirms: [Confirm] = []
    var hasHeard = false
    defer {
      if !confirms.isEmpty { give(state.withLock { $0.confirmed(confirms, at: .now) }) }
    }
    while let event = try connection.nextEvent() {
      hasHeard = true
      switch event {
      case .confirmed(let confirm):
        confirms.append(confirm)
        // The queue is in trouble; a new connection starts from a known state.
        if !confirm.isPositive { throw BrokerFailure("the broker refused a message") }
      case .returned(let id, let reason):
        give(state.withLock { $0.returned(id: id, reason: reason) })
        throw BrokerFailure("a queue is gone: \(reason)")
      case .blocked(let reason):
        logger.warning("RabbitMQ takes no messages", metadata: ["cause": "\(reason)"])
        give(state.withLock { $0.blocked(reason) })
      case .unblocked:
        logger.notice("RabbitMQ takes messages again")
        give(state.withLock { $0.blocked(nil) })
      case .delivered, .answered: break
      }
      // So that callers are answered while a busy broker goes on sending.
      if confirms.count >= 256 { return true }
    }
    return hasHeard
  }

  func lost(_ cause: String) { give(state.withLock { $0.lost(cause) }) }

  func expire(at now: ContinuousClock.Instant) { give(state.withLock { $0.expire(at: now) }) }

  func stall(at now: ContinuousClock.Instant) -> String? {
    state.withLock { $0.stall(at: now) }
  }

  func end(at now: ContinuousClock.Instant) { state.withLock { $0.end(at: now) } }
}
