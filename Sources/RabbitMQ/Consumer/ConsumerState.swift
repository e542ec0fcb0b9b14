import DequeModule
import KeyValueStore

/// The writes that a consumer holds, the task that waits for them, and what the broker must be
/// told: events in, actions out. No I/O, no lock, no clock.
struct ConsumerState {
  typealias Waiter = CheckedContinuation<[Delivery], Never>

  /// What the broker is told.
  struct Replies {
    var replies: [UnacknowledgedDeliveries.Reply] = []
    /// What the dead-letter queue gets.
    var burials: [OutgoingMessage] = []

    var isEmpty: Bool { replies.isEmpty && burials.isEmpty }
  }

  private let configuration: RabbitMQConfiguration
  private var ready: Deque<Delivery> = []
  private var readyBytes = 0
  /// Bytes of deliveries that the worker has taken and not finished, of any connection.
  private var takenBytes = 0
  /// When the first of `ready` came.
  private var readySince: ContinuousClock.Instant?
  /// Nothing is handed out before, unless it is a full batch.
  private var pacedUntil: ContinuousClock.Instant?
  private var waiter: Waiter?
  /// A moving average of the bytes of a message.
  private var usualBytes = 0
  /// A moving average of the writes of a message; nil: none has come.
  private(set) var usualWrites: Double?
  /// Most messages that this connection has unacknowledged.
  private(set) var prefetch: UInt16
  private var unacknowledged = UnacknowledgedDeliveries()
  private var burials = Burials()
  /// The content of writes that came with others and can't be read.
  private var damaged: [DeliveryTag: [UInt8]] = [:]
  private var replies: [UnacknowledgedDeliveries.Reply] = []
  private var isThreadWaiting = false
  var progress: ConsumerProgress
  private var isConnected = false
  private var cause = "not connected yet"
  private(set) var isEnding = false
  /// Counts connections: a delivery of an earlier one can't be acknowledged any more.
  private(set) var connection = 0
  /// What waits in the queues; nil: unknown.
  private(set) var depth: QueueDepth?

  init(configuration: RabbitMQConfiguration) {
    self.configuration = configuration
    prefetch = configuration.prefetch
    progress = ConsumerProgress(patience: configuration.stallPatience)
  }

  /// Why writes are not being consumed, as far as can be seen.
  func trouble(at now: ContinuousClock.Instant) -> String? {
    isConnected ? progress.trouble(at: now, limit: configuration.confirmDeadline) : cause
  }

  /// Bytes of deliveries that are held here or by the worker.
  var bytesHeld: Int { readyBytes + takenBytes }

  /// How many more bytes may be read; nothing is read without room.
  var room: Int { configuration.deliveryBytesMax - bytesHeld }

  // MARK: From the worker

  /// Returns what is due, or nil: `waiter` is resumed when something is. The worker no longer holds
  /// what it took before.
  mutating func take(
    for waiter: Waiter, at now: ContinuousClock.Instant
  ) -> (deliveries: [Delivery]?, mustWake: Bool) {
    if isEnding { return ([], false) }
    precondition(self.waiter == nil, "One task at a time takes deliveries")
    let hasRoom = release(takenBytes)
    if isDue(at: now) { return (takeReady(at: now), hasRoom) }
    self.waiter = waiter
    // Without a waiter, the thread does not wake for what is ready.
    return (nil, hasRoom || !ready.isEmpty)
  }

  private func isDue(at now: ContinuousClock.Instant) -> Bool { dueTime.map { $0 <= now } ?? false }

  /// When what is ready may be handed out; nil: nothing is.
  private var dueTime: ContinuousClock.Instant? {
    guard let readySince else { return nil }
    if ready.count >= configuration.batchDeliveriesMax || room <= 0 { return readySince }
    let gathered = readySince + configuration.gathering
    return pacedUntil.map { max($0, gathered) } ?? gathered
  }

  /// The waiter, which waits no longer.
  mutating func cancelWaiting() -> Waiter? {
    defer { waiter = nil }
    return waiter
  }

  /// True: the thread must be woken.
  mutating func acknowledge(_ deliveries: [Delivery]) -> Bool {
    replies += unacknowledged.acknowledge(deliveries.lazy.map(\.tag).filter(isCurrent))
    return finished(deliveries)
  }

  /// True: the thread must be woken.
  mutating func reject(_ deliveries: [Delivery]) -> Bool {
    for delivery in deliveries where isCurrent(delivery.tag) {
      let tag = delivery.tag
      if unacknowledged.isAlone(tag) {
        replies += unacknowledged.reject([tag])
      } else if unacknowledged.isOpen(tag) {
        let damaged = damaged.removeValue(forKey: tag)
        burials.add(ReceivedWrites.message(of: delivery, damaged: damaged), for: tag)
      }
    }
    return finished(deliveries)
  }

  /// A batch of fewer writes is followed by the next one without a pause: somebody may wait for
  /// each of them.
  private static let busyBatch = 16

  private func isCurrent(_ tag: DeliveryTag) -> Bool { tag.connection == connection }

  private mutating func finished(_ deliveries: [Delivery]) -> Bool {
    let hasRoom = release(deliveries.reduce(0) { $0 + $1.bytes })
    guard isThreadWaiting, hasRoom || !replies.isEmpty || burials.isWaiting else { return false }
    isThreadWaiting = false
    return true
  }

  /// True: there is room again, where there was none.
  private mutating func release(_ bytes: Int) -> Bool {
    let wasFull = room <= 0
    takenBytes = max(0, takenBytes - bytes)
    return wasFull && room > 0
  }

  /// Nothing more is handed out. What was acknowledged is still told to the broker.
  mutating func end() -> Waiter? {
    isEnding = true
    return cancelWaiting()
  }

  // MARK: From the thread

  /// A connection is about to consume.
  mutating func connected(at now: ContinuousClock.Instant) {
    isConnected = true
    connection += 1
    prefetch = prefetchThatFits
    forgetMessages()
    progress.connected(at: now)
  }

  /// The connection is gone, and with it what the worker has not taken: it is delivered again.
  mutating func lost(_ cause: String) {
    isConnected = false
    self.cause = cause
    ready.removeAll()
    readyBytes = 0
    readySince = nil
    forgetMessages()
    progress.restart()
    // Nothing can be acknowledged before the next connection.
    connection += 1
  }

  private mutating func forgetMessages() {
    replies = []
    unacknowledged.reset()
    burials.reset()
    damaged = [:]
  }

  mutating func received(_ messages: [ReceivedWrites], at now: ContinuousClock.Instant) {
    for message in messages {
      let deliveries = message.deliveries
      unacknowledged.append(writes: deliveries.count)
      for (place, bytes) in message.damaged { damaged[deliveries[place].tag] = bytes }
      ready.append(contentsOf: deliveries)
      readyBytes += message.bytes
      usualBytes += (message.bytes - usualBytes) / 16
      let count = Double(deliveries.count)
      usualWrites = usualWrites.map { $0 + (count - $0) / 16 } ?? count
    }
    progress.moved()
    if readySince == nil, !ready.isEmpty { readySince = now }
  }

  /// The dead-letter queue has some of what it was sent.
  mutating func confirmed(_ confirm: Confirm) {
    replies += unacknowledged.acknowledge(burials.confirmed(confirm))
  }

  /// Whether the dead-letter queue lacks some of what was put aside.
  var isBurying: Bool { !burials.isEmpty }

  /// As many messages as there is memory for, if they are as long as usual. More would stay in
  /// the socket, and RabbitMQ closes a connection that is not read for 30 s (the default of its
  /// listener).
  private var prefetchThatFits: UInt16 {
    let fitting = configuration.deliveryBytesMax / max(usualBytes, 1)
    return min(configuration.prefetch, UInt16(clamping: max(1, fitting)))
  }

  /// Whether many more messages would fit than this connection gets, as they have become shorter.
  var isTooTimid: Bool { prefetchThatFits / 4 >= prefetch }

  /// What to hand to the waiter, if it is enough or has waited long enough.
  mutating func handOut(at now: ContinuousClock.Instant) -> (Waiter, [Delivery])? {
    guard let waiter, isDue(at: now) else { return nil }
    self.waiter = nil
    return (waiter, takeReady(at: now))
  }

  /// What to tell the broker now. If there is nothing, the thread may wait so long (nil: without a
  /// limit) before it asks again.
  mutating func takeReplies(
    at now: ContinuousClock.Instant
  ) -> (replies: Replies, pause: Duration?) {
    let told = Replies(replies: replies, burials: burials.take())
    replies = []
    isThreadWaiting = told.isEmpty
    let end = [waiter == nil ? nil : dueTime, progress.nextQuestion].compactMap { $0 }.min()
    return (told, end.map { max(.zero, $0 - now) })
  }

  private mutating func takeReady(at now: ContinuousClock.Instant) -> [Delivery] {
    let count = min(ready.count, configuration.batchDeliveriesMax)
    let taken = Array(ready.prefix(count))
    ready.removeFirst(count)
    let bytes = taken.reduce(0) { $0 + $1.bytes }
    readyBytes -= bytes
    takenBytes += bytes
    if ready.isEmpty { readySince = nil }
    let isBusy = count >= ConsumerState.busyBatch
    pacedUntil = isBusy ? now + configuration.batchInterval : nil
    return taken
  }

  // MARK: From the depth watch

  /// How much waits in the queues now; nil: that can't be known.
  mutating func observed(_ depth: QueueDepth?, at now: ContinuousClock.Instant) {
    self.depth = depth
    let hasRoom = isConnected && room > 0 && unacknowledged.count < Int(prefetch)
    progress.observed(ready: depth?.ready ?? 0, hasRoom: hasRoom, at: now)
  }

  // MARK: From the timer

  /// Why the connection must be given up: nothing moves on it although something should.
  mutating func stall(at now: ContinuousClock.Instant) -> String? {
    isConnected ? progress.stall(at: now) : nil
  }
}
