import Dispatch
public import KeyValueStore
public import Logging
import Synchronization

/// Publishes queued writes and change events: one a process, with a connection and a thread of its
/// own, and many messages on their way at a time.
///
/// What was sent and not confirmed when a connection is lost is sent again on the next one: a
/// message may arrive more than once.
public final class RabbitMQPublisher: Sendable {
  private let configuration: RabbitMQConfiguration
  private let addresses: [BrokerAddress]
  private let published: PublishedChanges?
  private let logger: Logger
  private let state: Mutex<PublisherState>
  private let wakeup = Wakeup()
  private let interrupt = SocketInterrupt()
  private let founding: QueueFounding

  /// How often it is looked whose time is over, and whether confirms still come.
  private static let sweep = DispatchTimeInterval.milliseconds(100)

  /// A publisher that does nothing before `run`.
  /// - Parameter published: gets the settled changes that the stream can't lose any more.
  public init(
    _ configuration: RabbitMQConfiguration, published: PublishedChanges?, logger: Logger
  ) throws(BrokerAddressError) {
    self.configuration = configuration
    self.published = published
    self.logger = logger
    addresses = try configuration.addresses()
    founding = QueueFounding(configuration, addresses: addresses, logger: logger)
    state = Mutex(PublisherState(configuration: configuration))
  }

  /// Lives until its task is cancelled, and then for as long as it takes to get rid of what was
  /// taken on, but at most `flushDeadline`. Once only.
  public func run() async {
    let thread = ConnectionThread("amqp-publish") { self.work() }
    // Not on the thread, which the C library may hold up for longer than anybody wants to wait.
    let timer = DispatchSource.makeTimerSource(queue: DispatchQueue(label: "amqp-deadlines"))
    timer.setEventHandler { self.sweep(thread) }
    timer.schedule(
      deadline: .now() + RabbitMQPublisher.sweep, repeating: RabbitMQPublisher.sweep,
      leeway: .milliseconds(20))
    timer.resume()
    await withTaskCancellationHandler {
      await thread.ended()
    } onCancel: {
      state.withLock { $0.end(at: .now) }
      wakeup.signal()
    }
    timer.cancel()
    state.withLock { $0.ended() }.give(published)
  }

  // MARK: For the queue and the feed

  /// Returns nil once a queue has the message, or why it may not.
  func submit(_ message: OutgoingMessage) async -> StoreError? {
    await withCheckedContinuation { caller in
      let now = ContinuousClock.now
      let write = PendingWrite(
        message: message, deadline: now + configuration.confirmDeadline, caller: caller)
      let (refusal, mustWake) = state.withLock { $0.add(write, at: now) }
      if let refusal { caller.resume(returning: refusal) }
      if mustWake { wakeup.signal() }
    }
  }

  /// Takes changes on; never waits.
  func publish(_ pieces: [PendingChanges]) throws(StoreError) {
    let (refusal, mustWake) = state.withLock { $0.add(pieces, at: .now) }
    if let refusal { throw refusal }
    if mustWake { wakeup.signal() }
  }

  /// Returns once the stream has all changes that were taken on before.
  func flush() async throws(StoreError) {
    let error = await withCheckedContinuation { caller in
      let deadline = ContinuousClock.now + configuration.confirmDeadline
      let (isDone, mustWake) = state.withLock { $0.flush(caller, deadline: deadline) }
      if isDone { caller.resume(returning: nil) }
      if mustWake { wakeup.signal() }
    }
    if let error { throw error }
  }

  /// Fails unless messages can be published now, and are confirmed in time.
  public func checkHealth() throws(StoreError) {
    if let trouble = state.withLock({ $0.trouble(at: .now) }) { throw trouble }
  }

  /// Connections that were given up because the broker confirmed nothing on them.
  public var stalls: Int { state.withLock { $0.stalls } }

  /// Writes and bytes that are neither confirmed nor given up.
  public var outstanding: (writes: Int, writeBytes: Int, changeBytes: Int) {
    state.withLock {
      ($0.writesOutstanding, $0.writeBytesOutstanding, $0.changeBytesOutstanding)
    }
  }

  // MARK: The clock

  private func sweep(_ thread: ConnectionThread) {
    let now = ContinuousClock.now
    let (answers, endingSince) = state.withLock { ($0.expired(at: now), $0.endingSince) }
    answers.give(published)
    // The thread may be held up in the C library.
    if state.withLock({ $0.mustGiveUp(at: now) }) { interrupt.interrupt() }
    guard let endingSince else { return }
    let late = now - endingSince - configuration.flushDeadline
    if late > .seconds(1) { interrupt.interrupt() }
    // It looks up a name, or waits for a broker that neither takes us nor refuses.
    if late > .seconds(2) { thread.giveUp() }
  }

  // MARK: The thread

  private var isEnding: Bool { state.withLock { $0.endingSince != nil } }

  private func work() {
    var dialer = BrokerDialer(
      addresses, as: "kv publisher", configuration: configuration, interrupt: interrupt,
      wakeup: wakeup, logger: logger)
    while true {
      let connection = dialer.connect(
        unless: { isEnding }, failed: { failure in lost(failure) },
        prepare: { connection throws(ConnectionFailure) in
          try prepareWrites(connection)
          try prepareChanges(connection)
        })
      guard let connection else { return }
      state.withLock { $0.connected() }
      do throws(ConnectionFailure) {
        try serve(connection)
        return connection.close()
      } catch {
        let failure = state.withLock { $0.explain(error) }
        lost(failure)
        dialer.lost(connection, failure)
      }
    }
  }

  private func lost(_ failure: ConnectionFailure) {
    state.withLock { $0.lost(failure.cause) }.give(published)
  }

  private func prepareWrites(_ connection: BrokerConnection) throws(ConnectionFailure) {
    let channel = PublisherState.writesChannel
    try connection.openChannel(channel)
    let queue = configuration.writesQueue
    if let obstacle = try founding.obstacle(to: queue, on: channel, of: connection) {
      throw ConnectionFailure(obstacle)
    }
    try connection.declareWriteQueues(on: channel)
    try connection.confirm(on: channel)
  }

  /// The stream may be away for longer than the queue: that is no reason to refuse writes.
  private func prepareChanges(_ connection: BrokerConnection) throws(ConnectionFailure) {
    let channel = PublisherState.changesChannel
    do throws(ConnectionFailure) {
      try connection.openChannel(channel)
      let stream = configuration.changesStream
      if let obstacle = try founding.obstacle(to: stream, on: channel, of: connection) {
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

  /// Sends and listens until it is time to end.
  private func serve(_ connection: BrokerConnection) throws(ConnectionFailure) {
    while true {
      if state.withLock({ $0.mustRetryChanges(at: .now) }) { try prepareChanges(connection) }
      if connection.hasRoomToSend {
        switch state.withLock({ $0.step(at: .now) }) {
        case .end: return
        case .send(let writes, let changes):
          try send(writes, changes, on: connection)
          _ = try listen(to: connection)
        case .wait(let end):
          if try !listen(to: connection) {
            connection.wait(wakeup, for: end.map { max(.zero, $0 - .now) })
          }
        }
      } else if try !listen(to: connection) {
        connection.wait(wakeup, for: .milliseconds(100), toSend: true)
        if state.withLock({ $0.isPastFlush(at: .now) }) { return }
      }
    }
  }

  private func send(
    _ writes: [PendingWrite], _ changes: [PendingChanges], on connection: BrokerConnection
  ) throws(ConnectionFailure) {
    for write in writes {
      try connection.publish(
        write.message, to: configuration.writesQueue, on: PublisherState.writesChannel)
    }
    for piece in changes {
      try connection.publish(
        OutgoingMessage(id: [], body: piece.body), to: configuration.changesStream,
        on: PublisherState.changesChannel)
    }
  }

  /// Takes in what the broker has said. False: nothing.
  private func listen(to connection: BrokerConnection) throws(ConnectionFailure) -> Bool {
    var confirms: [Confirm] = []
    var hasHeard = false
    defer {
      if !confirms.isEmpty { state.withLock { $0.confirmed(confirms, at: .now) }.give(published) }
    }
    while let event = try connection.nextEvent() {
      hasHeard = true
      switch event {
      case .confirmed(let confirm):
        confirms.append(confirm)
        // Its queue is in trouble; a new connection starts from what is known.
        if !confirm.isPositive { throw ConnectionFailure("the broker refused a message") }
      case .returned(let id, let reason):
        state.withLock { $0.returned(id: id, reason: reason) }.give(published)
        throw ConnectionFailure("a queue is gone: \(reason)")
      case .blocked(let reason):
        logger.warning("RabbitMQ takes no messages", metadata: ["cause": "\(reason)"])
        state.withLock { $0.blocked(reason) }.give(published)
      case .unblocked:
        logger.notice("RabbitMQ takes messages again")
        state.withLock { $0.blocked(nil) }.give(published)
      case .delivered, .answered: break
      }
      // So that callers do not wait for what a busy broker has to say to others.
      if confirms.count >= 256 { return true }
    }
    return hasHeard
  }
}
