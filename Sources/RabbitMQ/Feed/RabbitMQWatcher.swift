import Dispatch
import KeyValueStore
public import Logging
import Synchronization

/// Follows the change stream for all watchers of a process, with a connection and a thread of its
/// own. There is a connection only while somebody watches.
public final class RabbitMQWatcher: Sendable {
  private let configuration: RabbitMQConfiguration
  private let addresses: [BrokerAddress]
  private let logger: Logger
  let state: Mutex<WatchState>
  private let wakeup = Wakeup()
  private let interrupt = SocketInterrupt()
  private let founding: QueueFounding

  /// Replays have the channels after this one.
  private static let tailChannel: UInt16 = 1
  private static let tailPrefetch: UInt16 = 512
  /// With messages of up to 64 KiB, at most 1 MiB for each watcher that is behind.
  private static let replayPrefetch: UInt16 = 16

  /// A watcher that does nothing before `run`.
  public init(
    _ configuration: RabbitMQConfiguration, logger: Logger
  ) throws(BrokerAddressError) {
    self.configuration = configuration
    self.logger = logger
    addresses = try configuration.addresses()
    founding = QueueFounding(configuration, addresses: addresses, logger: logger)
    state = Mutex(WatchState(configuration: configuration))
  }

  /// Lives until its task is cancelled; then all subscriptions fail. Once only.
  public func run() async {
    let thread = ConnectionThread("amqp-watch") { self.work() }
    let timer = DispatchSource.makeTimerSource(queue: DispatchQueue(label: "amqp-watch-deadlines"))
    timer.setEventHandler {
      self.state.withLock { $0.expired(at: .now) }.give()
      // The thread may be held up in the C library.
      if self.state.withLock({ $0.mustGiveUp(at: .now) }) { self.interrupt.interrupt() }
    }
    timer.schedule(
      deadline: .now() + .milliseconds(100), repeating: .milliseconds(100),
      leeway: .milliseconds(20))
    timer.resume()
    await withTaskCancellationHandler {
      await thread.ended()
    } onCancel: {
      state.withLock { $0.end(at: .now) }.give()
      wakeup.signal()
      // There is nothing to finish; a broker that hangs must not keep the process.
      let queue = DispatchQueue(label: "amqp-watch-end")
      queue.asyncAfter(deadline: .now() + 1) { self.interrupt.interrupt() }
      queue.asyncAfter(deadline: .now() + 2) { thread.giveUp() }
    }
    timer.cancel()
  }

  /// Connections that were given up because nothing was answered on them.
  public var stalls: Int { state.withLock { $0.stalls } }

  // MARK: For subscriptions

  /// How long a subscription may take to begin.
  private var deadline: ContinuousClock.Instant {
    .now + configuration.connectTimeout + configuration.confirmDeadline
  }

  /// Returns once the end of the stream is being followed.
  func attach() async throws(StoreError) {
    // The thread may sleep.
    wakeup.signal()
    let error = await withCheckedContinuation { caller in
      if state.withLock({ $0.attach(caller, deadline: deadline) }) { caller.resume(returning: nil) }
    }
    if let error { throw error }
  }

  /// Publishes a marker, and returns where it stands: where the stream ended when this was called,
  /// or after it.
  func mark(by publisher: RabbitMQPublisher) async throws(StoreError) -> Int64 {
    let marker = UInt64.random(in: .min ... .max)
    let result = await withCheckedContinuation { caller in
      state.withLock { $0.await(marker: marker, caller, deadline: deadline) }
      do throws(StoreError) {
        try publisher.publish([PendingChanges(marker: marker)])
      } catch {
        state.withLock { $0.forget(marker: marker) }?.resume(returning: .failure(error))
      }
    }
    return try result.get()
  }

  /// What there is for a watcher.
  func read(_ cursor: inout WatchCursor, of watcher: UInt64) -> WatchState.Outcome {
    let (outcome, hasCommands) = state.withLock { state in
      (state.read(&cursor, of: watcher), state.hasCommands)
    }
    if hasCommands { wakeup.signal() }
    return outcome
  }

  /// Returns once there may be something for a watcher, or its task is cancelled.
  func wait(_ watcher: UInt64, for cursor: WatchCursor, generation: Int) async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { caller in
        let mustWait = state.withLock { state in
          // Asked under the lock: `onCancel` comes after the flag is set, so that it either finds
          // the continuation or the flag is found here.
          if Task.isCancelled { return false }
          return state.wait(watcher, for: cursor, generation: generation, caller)
        }
        if !mustWait { caller.resume() }
      }
    } onCancel: {
      state.withLock { $0.cancelWaiting(watcher) }?.resume()
    }
  }

  func leave(_ watcher: UInt64) {
    let hasCommands = state.withLock { state in
      state.leave(watcher, at: .now)
      return state.hasCommands
    }
    if hasCommands { wakeup.signal() }
  }

  // MARK: The thread

  private func work() {
    var dialer = BrokerDialer(
      addresses, as: "kv watcher", configuration: configuration, interrupt: interrupt,
      wakeup: wakeup, logger: logger)
    while !state.withLock({ $0.isEnding }) {
      guard isWanted else {
        wakeup.wait(for: nil)
        continue
      }
      let connection = dialer.connect(
        unless: { !isWanted },
        failed: { failure in state.withLock { $0.lost(failure.cause) }.give() },
        prepare: { connection throws(ConnectionFailure) in try prepare(connection) })
      guard let connection else { continue }
      do throws(ConnectionFailure) {
        try serve(connection)
        state.withLock { $0.detached() }
        connection.close()
      } catch {
        let failure = state.withLock { $0.explain(error) }
        state.withLock { $0.lost(failure.cause) }.give()
        dialer.lost(connection, failure)
      }
    }
  }

  private var isWanted: Bool { state.withLock { $0.isWanted(at: .now) } }

  private func prepare(_ connection: BrokerConnection) throws(ConnectionFailure) {
    let channel = RabbitMQWatcher.tailChannel
    try connection.openChannel(channel)
    let stream = configuration.changesStream
    if let obstacle = try founding.obstacle(to: stream, on: channel, of: connection) {
      throw ConnectionFailure(obstacle)
    }
    try connection.declareChanges(on: RabbitMQWatcher.tailChannel)
    try connection.consume(
      configuration.changesStream, on: RabbitMQWatcher.tailChannel,
      prefetch: RabbitMQWatcher.tailPrefetch, from: state.withLock { $0.tailOffset })
    state.withLock { $0.attached(at: .now) }.give()
  }

  /// Listens for as long as somebody watches.
  private func serve(_ connection: BrokerConnection) throws(ConnectionFailure) {
    var channels = ReplayChannels(after: RabbitMQWatcher.tailChannel)
    while isWanted {
      let commands = state.withLock { $0.takeCommands() }
      for command in commands { try carryOut(command, &channels, connection) }
      let hasHeard = try listen(to: connection, channels)
      guard commands.isEmpty, !hasHeard else { continue }
      if state.withLock({ $0.mustAsk(at: .now) }) {
        try connection.ask(RabbitMQWatcher.tailChannel, prefetch: RabbitMQWatcher.tailPrefetch)
      }
      connection.wait(wakeup, for: state.withLock { $0.patience(at: .now) })
    }
  }

  private func carryOut(
    _ command: WatchState.Command, _ channels: inout ReplayChannels,
    _ connection: BrokerConnection
  ) throws(ConnectionFailure) {
    switch command {
    case .startReplay(let watcher, let offset):
      let channel = channels.open(for: watcher)
      try connection.openChannel(channel)
      try connection.consume(
        configuration.changesStream, on: channel, prefetch: RabbitMQWatcher.replayPrefetch,
        from: .at(offset))
    case .acknowledge(let watcher, let tag):
      guard let channel = channels[watcher] else { return }
      try connection.acknowledge(tag, on: channel, multiple: true)
    case .endReplay(let watcher):
      guard let channel = channels.close(for: watcher) else { return }
      try connection.closeChannel(channel)
    }
  }

  /// Takes in what the broker has sent. False: nothing.
  private func listen(
    to connection: BrokerConnection, _ channels: ReplayChannels
  ) throws(ConnectionFailure) -> Bool {
    var tail: [StreamMessage] = []
    var lastTag: UInt64?
    var hasHeard = false
    while tail.count < Int(RabbitMQWatcher.tailPrefetch), let event = try connection.nextEvent() {
      hasHeard = true
      if case .answered(RabbitMQWatcher.tailChannel) = event { state.withLock { $0.answered() } }
      guard case .delivered(let delivery) = event, let message = StreamMessage(delivery.message)
      else { continue }
      if delivery.channel == RabbitMQWatcher.tailChannel {
        tail.append(message)
        lastTag = delivery.tag
      } else if let watcher = channels.watcher(of: delivery.channel) {
        state.withLock { $0.received(message, tag: delivery.tag, for: watcher) }.give()
      }
    }
    if let lastTag {
      try connection.acknowledge(lastTag, on: RabbitMQWatcher.tailChannel, multiple: true)
      state.withLock { $0.received(tail) }.give()
    }
    return hasHeard
  }
}
