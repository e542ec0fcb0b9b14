import DequeModule

/// What a consumer has received, who waits for it, and what the broker is to be told: events in,
/// actions out. No I/O, no lock, no clock.
struct ConsumerState {
  typealias Waiter = CheckedContinuation<[Delivery], Never>

  private let configuration: RabbitMQConfiguration
  private var ready: Deque<Delivery> = []
  private var readyBytes = 0
  /// Of what the worker has taken and not settled, on whichever connection it came.
  private var takenBytes = 0
  /// When the first of `ready` came, while somebody waits.
  private var readySince: ContinuousClock.Instant?
  private var waiter: Waiter?
  /// What deliveries take of late.
  private var usualBytes = 0
  /// Most deliveries that this connection has unsettled.
  private(set) var prefetch: UInt16
  private var unsettled = UnsettledDeliveries()
  private var words: [UnsettledDeliveries.Word] = []
  private var isThreadWaiting = false
  private var progress: ConsumerProgress
  /// Why this connection is being given up, though it lives.
  private var stall: String?
  /// How many were.
  private(set) var stalls = 0
  private var isConnected = false
  private var cause = "not connected yet"
  private(set) var isEnding = false
  /// Counts connections: what came on an earlier one can't be settled any more.
  private(set) var connection = 0
  /// What was seen when it was last looked, but for `unsettled`.
  private var depths: (ready: Int, dead: Int)?

  init(configuration: RabbitMQConfiguration) {
    self.configuration = configuration
    prefetch = configuration.prefetch
    progress = ConsumerProgress(patience: configuration.stallPatience)
  }

  /// Nil: consuming, as far as can be seen. Else why not.
  func trouble(at now: ContinuousClock.Instant) -> String? {
    isConnected ? progress.trouble(at: now, limit: configuration.confirmDeadline) : cause
  }

  /// Bytes of deliveries that are held here or by the worker.
  var bytesHeld: Int { readyBytes + takenBytes }

  /// How many more bytes may be read: nothing is, if there is no room.
  var room: Int { configuration.deliveryBytesMax - bytesHeld }

  var depth: QueueDepth? {
    depths.map { QueueDepth(ready: $0.ready, unsettled: unsettled.count, dead: $0.dead) }
  }

  // MARK: From the worker

  /// What is ready now, or what is ready when `waiter` is resumed (nil). What was taken before is
  /// off the worker's hands. `mustWake`: the thread must be woken.
  mutating func take(for waiter: Waiter) -> (deliveries: [Delivery]?, mustWake: Bool) {
    if isEnding { return ([], false) }
    precondition(self.waiter == nil, "One task at a time takes deliveries")
    let mustWake = letGo(of: takenBytes)
    if !ready.isEmpty { return (takeReady(), mustWake) }
    self.waiter = waiter
    return (nil, mustWake)
  }

  /// Nobody waits any more.
  mutating func cancelWaiting() -> Waiter? {
    defer { waiter = nil }
    return waiter
  }

  /// True: the thread must be woken.
  mutating func acknowledge(_ deliveries: [Delivery]) -> Bool {
    words += unsettled.acknowledge(numbers(deliveries))
    return settled(deliveries)
  }

  /// True: the thread must be woken.
  mutating func refuse(_ deliveries: [Delivery], requeue: Bool) -> Bool {
    words += unsettled.refuse(numbers(deliveries), requeue: requeue)
    return settled(deliveries)
  }

  private func numbers(_ deliveries: [Delivery]) -> [UInt64] {
    deliveries.map(\.tag).filter { $0.connection == connection }.map(\.number)
  }

  private mutating func settled(_ deliveries: [Delivery]) -> Bool {
    let hasRoom = letGo(of: deliveries.reduce(0) { $0 + $1.bytes })
    guard isThreadWaiting, hasRoom || !words.isEmpty else { return false }
    isThreadWaiting = false
    return true
  }

  /// True: there is room again, where there was none.
  private mutating func letGo(of bytes: Int) -> Bool {
    let wasFull = room <= 0
    takenBytes = max(0, takenBytes - bytes)
    return wasFull && room > 0
  }

  /// Nothing more is handed out. What was acknowledged is still told.
  mutating func end() -> Waiter? {
    isEnding = true
    return cancelWaiting()
  }

  // MARK: From the thread

  /// A connection is about to consume.
  mutating func connected(at now: ContinuousClock.Instant) {
    isConnected = true
    connection += 1
    stall = nil
    prefetch = prefetchThatFits
    unsettled.reset()
    progress.connected(at: now)
  }

  /// The connection is gone, and with it what nobody has taken: it will be delivered again.
  mutating func lost(_ cause: String) {
    isConnected = false
    self.cause = cause
    ready.removeAll()
    readyBytes = 0
    readySince = nil
    words = []
    unsettled.reset()
    progress.restart()
    // Until the next one nothing can be settled.
    connection += 1
  }

  mutating func received(_ deliveries: [Delivery], at now: ContinuousClock.Instant) {
    for delivery in deliveries {
      unsettled.append()
      ready.append(delivery)
      readyBytes += delivery.bytes
      usualBytes += (delivery.bytes - usualBytes) / 16
    }
    progress.moved()
    if readySince == nil, !ready.isEmpty { readySince = now }
  }

  /// As many deliveries as there is memory for, by what they take of late. More would wait in the
  /// socket, and RabbitMQ closes one that nobody reads for 30 s (the default of its listener).
  private var prefetchThatFits: UInt16 {
    let fitting = configuration.deliveryBytesMax / max(usualBytes, 1)
    return min(configuration.prefetch, UInt16(clamping: max(1, fitting)))
  }

  /// Whether many more deliveries would fit than this connection gets: they have become shorter.
  var isTooTimid: Bool { prefetchThatFits / 4 >= prefetch }

  /// The channel has answered a question.
  mutating func answered() { progress.answered() }

  /// Whether to ask the channel something.
  mutating func mustAsk(at now: ContinuousClock.Instant) -> Bool { progress.mustAsk(at: now) }

  /// Nothing is read for now: what the broker says meanwhile can't be known.
  mutating func pausesReading() { progress.restart() }

  /// Whom to give what, if it is enough or has waited long enough.
  mutating func handOut(at now: ContinuousClock.Instant) -> (Waiter, [Delivery])? {
    guard let waiter, !ready.isEmpty else { return nil }
    let isDue = readySince.map { now - $0 >= configuration.gathering } ?? true
    guard isDue || ready.count >= configuration.deliveriesMax else { return nil }
    self.waiter = nil
    return (waiter, takeReady())
  }

  /// What to tell the broker now. If there is nothing, the thread may wait for this long at most
  /// before it asks again (nil: for ever).
  mutating func takeWords(
    at now: ContinuousClock.Instant
  ) -> (words: [UnsettledDeliveries.Word], patience: Duration?) {
    defer { words = [] }
    isThreadWaiting = words.isEmpty
    let gathered = waiter == nil ? nil : readySince.map { $0 + configuration.gathering }
    let end = [gathered, progress.nextQuestion].compactMap { $0 }.min()
    return (words, end.map { max(.zero, $0 - now) })
  }

  // MARK: From who looks at the queues

  /// How much waits in the queues; nil: nobody knows.
  mutating func looked(_ depths: (ready: Int, dead: Int)?, at now: ContinuousClock.Instant) {
    self.depths = depths
    let hasRoom = isConnected && room > 0 && unsettled.count < Int(prefetch)
    progress.looked(ready: depths?.ready ?? 0, hasRoom: hasRoom, at: now)
  }

  // MARK: From the clock

  /// Whether the connection is to be given up, said once: nothing moves on it that should.
  mutating func mustGiveUp(at now: ContinuousClock.Instant) -> Bool {
    guard isConnected, stall == nil else { return false }
    stall = progress.stall(at: now)
    if stall != nil { stalls += 1 }
    return stall != nil
  }

  /// Why a connection is over: what has ended it, or why we have.
  mutating func explain(_ failure: ConnectionFailure) -> ConnectionFailure {
    defer { stall = nil }
    return stall.map { ConnectionFailure($0) } ?? failure
  }

  private mutating func takeReady() -> [Delivery] {
    let count = min(ready.count, configuration.deliveriesMax)
    let taken = Array(ready.prefix(count))
    ready.removeFirst(count)
    let bytes = taken.reduce(0) { $0 + $1.bytes }
    readyBytes -= bytes
    takenBytes += bytes
    if ready.isEmpty { readySince = nil }
    return taken
  }
}
