import KeyValueStore
public import Logging
import Observability
import Synchronization

/// Follows the change stream for all watchers of a process, with a thread of its own, and with a
/// connection only while there are watchers.
public final class RabbitMQWatcher: Sendable {
  let state: Mutex<WatchState>
  private let configuration: RabbitMQConfiguration
  private let thread: BrokerThread

  private static let tailPrefetch: UInt16 = 512
  /// With messages of up to 64 KiB, at most 1 MiB for each watcher that is behind.
  private static let replayPrefetch: UInt16 = 16

  /// A watcher that does nothing before `run`.
  public init(
    _ configuration: RabbitMQConfiguration, metrics: RabbitMQMetrics, logger: Logger
  ) throws(BrokerAddressError) {
    self.configuration = configuration
    thread = try BrokerThread(
      "watcher", configuration: configuration, stalls: metrics.stalls[.watcher], logger: logger)
    state = Mutex(WatchState(configuration: configuration))
  }

  /// Works until its task is cancelled; then all subscriptions fail. Once only.
  public func run() async { await thread.run(self) }

  // MARK: For subscriptions

  /// How long a subscription may take to begin.
  private var deadline: ContinuousClock.Instant {
    .now + configuration.connectTimeout + configuration.confirmDeadline
  }

  /// Returns once every message that is published from now on will be seen.
  func attach() async throws(StoreError) {
    // The thread may wait for the first watcher.
    thread.wake()
    let error = await withCheckedContinuation { caller in
      state.withLock { $0.attach(caller, deadline: deadline) }.give()
    }
    if let error { throw error }
  }

  /// Publishes a marker and returns its position, which is not before the end that the stream had
  /// when this was called.
  func mark(by publisher: RabbitMQPublisher) async throws(StoreError) -> FeedPosition {
    let marker = UInt64.random(in: .min ... .max)
    let result = await withCheckedContinuation { caller in
      state.withLock { $0.await(marker: marker, caller, deadline: deadline) }.give()
      do throws(StoreError) {
        try publisher.publish([PendingChanges(marker: marker)])
      } catch {
        state.withLock { $0.forget(marker: marker) }?.resume(returning: .failure(error))
      }
    }
    // The marker is a position too: see `ChangeMessage.positionsCount`.
    return MessageTag(of: ChangeMessage.encode(marker: marker)).position(try result.get(), 0)
  }

  /// The order of the changes after `position`.
  func makeOrder(after position: FeedPosition) -> EventOrder {
    EventOrder(
      after: position, skewMax: configuration.changeSkewMax,
      latenessMax: configuration.changeLatenessMax, at: .now)
  }

  /// What there is for a watcher.
  func read(_ cursor: inout WatchCursor, of watcher: UInt64) -> WatchState.Outcome {
    let (outcome, hasCommands) = state.withLock { state in
      (state.read(&cursor, of: watcher), state.hasCommands)
    }
    if hasCommands { thread.wake() }
    return outcome
  }

  /// Returns once there may be something for a watcher, or its task is cancelled.
  func wait(_ watcher: UInt64, for cursor: WatchCursor, generation: Int) async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { caller in
        let mustWait = state.withLock { state in
          // Asked under the lock: `onCancel` is called after the flag is set, so either it finds
          // the continuation, or the flag is seen here.
          if Task.isCancelled { return false }
          return state.wait(watcher, for: cursor, generation: generation, caller)
        }
        if !mustWait { caller.resume() }
      }
    } onCancel: {
      state.withLock { $0.cancelWaiting(watcher) }?.resume()
    }
  }

  /// Ends a watcher, and its wait.
  func leave(_ watcher: UInt64) {
    let (caller, hasCommands) = state.withLock { state in
      (state.leave(watcher, at: .now), state.hasCommands)
    }
    caller?.resume()
    if hasCommands { thread.wake() }
  }
}

extension RabbitMQWatcher: BrokerJob {
  var isWanted: Bool { state.withLock { $0.isWanted(at: .now) } }

  func prepare(_ connection: BrokerConnection) throws(BrokerFailure) {
    let channel = ReplayChannels.tail
    try connection.openChannel(channel)
    let stream = configuration.changesStream
    if let obstacle = try thread.founding.obstacle(to: stream, on: channel, of: connection) {
      throw BrokerFailure(obstacle)
    }
    try connection.declareChanges(on: channel)
    try connection.consume(
      stream, on: channel, prefetch: RabbitMQWatcher.tailPrefetch,
      from: state.withLock { $0.tailOffset })
    if state.withLock({ $0.needsProbe }) { try probe(stream, on: connection) }
    state.withLock { $0.attached(at: .now) }.give()
  }

  func serve(_ connection: BrokerConnection) throws(BrokerFailure) -> BrokerThread.Next {
    if state.withLock({ $0.detach(at: .now) }) { return .close }
    let commands = state.withLock { $0.takeCommands() }
    for command in commands { try perform(command, on: connection) }
    let hasHeard = try listen(to: connection)
    guard commands.isEmpty, !hasHeard else { return .again }
    let now = ContinuousClock.now
    if state.withLock({ $0.progress.mustAsk(at: now) }) {
      try connection.ask(ReplayChannels.tail, prefetch: RabbitMQWatcher.tailPrefetch)
    }
    return .wait(for: state.withLock { $0.progress.nextQuestion }.map { max(.zero, $0 - now) })
  }

  private func perform(
    _ command: WatchState.Command, on connection: BrokerConnection
  ) throws(BrokerFailure) {
    switch command {
    case .open(let channel, let offset):
      try connection.openChannel(channel)
      try connection.consume(
        configuration.changesStream, on: channel, prefetch: RabbitMQWatcher.replayPrefetch,
        from: .at(offset))
    case .acknowledge(let channel, let tag):
      try connection.acknowledge(tag, on: channel, multiple: true)
    case .close(let channel): try connection.closeChannel(channel)
    }
  }

  /// Reads what the broker has sent. False: nothing.
  private func listen(to connection: BrokerConnection) throws(BrokerFailure) -> Bool {
    var tail: [StreamMessage] = []
    var lastTag: UInt64?
    var hasHeard = false
    while tail.count < Int(RabbitMQWatcher.tailPrefetch), let event = try connection.nextEvent() {
      hasHeard = true
      if case .answered(ReplayChannels.tail) = event { state.withLock { $0.progress.answered() } }
      guard case .delivered(let delivery) = event, let message = StreamMessage(delivery.message)
      else { continue }
      if delivery.channel == ReplayChannels.tail {
        tail.append(message)
        lastTag = delivery.tag
      } else if delivery.channel == ReplayChannels.probe {
        try compare(message, on: connection)
      } else {
        let (channel, tag) = (delivery.channel, delivery.tag)
        state.withLock { $0.received(message, tag: tag, on: channel) }.give()
      }
    }
    if let lastTag {
      try connection.acknowledge(lastTag, on: ReplayChannels.tail, multiple: true)
      state.withLock { $0.received(tail) }.give()
    }
    return hasHeard
  }

  /// Publishes a marker, and has it or what comes before it delivered: see `compare`.
  private func probe(
    _ stream: String, on connection: BrokerConnection
  ) throws(BrokerFailure) {
    try connection.openChannel(ReplayChannels.probe)
    try connection.consume(stream, on: ReplayChannels.probe, prefetch: 1, from: .next)
    let marker = ChangeMessage.encode(marker: .random(in: .min ... .max))
    try connection.publish(
      OutgoingMessage(id: [], body: marker), to: stream, on: ReplayChannels.probe)
  }

  /// Sees whether the stream is still the same. One message is enough.
  private func compare(
    _ message: StreamMessage, on connection: BrokerConnection
  ) throws(BrokerFailure) {
    let (isOther, answers) = state.withLock { $0.probed(message) }
    answers.give()
    if isOther { throw BrokerFailure("the stream of changes was made anew") }
    try connection.closeChannel(ReplayChannels.probe)
  }

  func lost(_ cause: String) { state.withLock { $0.lost(cause) }.give() }

  func expire(at now: ContinuousClock.Instant) { state.withLock { $0.expire(at: now) }.give() }

  func stall(at now: ContinuousClock.Instant) -> String? {
    state.withLock { $0.stall(at: now) }
  }

  func end(at now: ContinuousClock.Instant) { state.withLock { $0.end(at: now) }.give() }
}
