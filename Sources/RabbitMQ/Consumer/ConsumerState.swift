import DequeModule

/// What a consumer has received, who waits for it, and what the broker is to be told: events in,
/// actions out. No I/O, no lock, no clock.
struct ConsumerState {
  typealias Waiter = CheckedContinuation<[Delivery], Never>

  private let deliveriesMax: Int
  private let gathering: Duration
  private var ready: Deque<Delivery> = []
  /// When the first of `ready` came, while somebody waits.
  private var readySince: ContinuousClock.Instant?
  private var waiter: Waiter?
  private var unsettled = UnsettledDeliveries()
  private var words: [UnsettledDeliveries.Word] = []
  private var isThreadWaiting = false
  private var isConnected = false
  private var cause = "not connected yet"
  private(set) var isEnding = false
  /// Counts connections: what came on an earlier one can't be settled any more.
  private(set) var connection = 0
  /// What was seen when it was last looked, but for `unsettled`.
  private var depths: (ready: Int, dead: Int)?

  init(deliveriesMax: Int, gathering: Duration) {
    self.deliveriesMax = deliveriesMax
    self.gathering = gathering
  }

  /// Nil: consuming. Else why not.
  var trouble: String? { isConnected ? nil : cause }

  var depth: QueueDepth? {
    depths.map { QueueDepth(ready: $0.ready, unsettled: unsettled.count, dead: $0.dead) }
  }

  // MARK: From the worker

  /// What is ready now, or what is ready when `waiter` is resumed (nil).
  mutating func take(for waiter: Waiter) -> [Delivery]? {
    if isEnding { return [] }
    precondition(self.waiter == nil, "One task at a time takes deliveries")
    if !ready.isEmpty { return takeReady() }
    self.waiter = waiter
    return nil
  }

  /// Nobody waits any more.
  mutating func cancelWaiting() -> Waiter? {
    defer { waiter = nil }
    return waiter
  }

  /// True: the thread must be woken.
  mutating func acknowledge(_ tags: [DeliveryTag]) -> Bool {
    words += unsettled.acknowledge(numbers(tags))
    return mustWake()
  }

  /// True: the thread must be woken.
  mutating func refuse(_ tags: [DeliveryTag], requeue: Bool) -> Bool {
    words += unsettled.refuse(numbers(tags), requeue: requeue)
    return mustWake()
  }

  private func numbers(_ tags: [DeliveryTag]) -> [UInt64] {
    tags.filter { $0.connection == connection }.map(\.number)
  }

  private mutating func mustWake() -> Bool {
    guard isThreadWaiting, !words.isEmpty else { return false }
    isThreadWaiting = false
    return true
  }

  /// Nothing more is handed out. What was acknowledged is still told.
  mutating func end() -> Waiter? {
    isEnding = true
    return cancelWaiting()
  }

  // MARK: From the thread

  /// A connection consumes.
  mutating func connected() {
    isConnected = true
    connection += 1
    unsettled.reset()
  }

  /// The connection is gone, and with it what nobody has taken: it will be delivered again.
  mutating func lost(_ cause: String) {
    isConnected = false
    self.cause = cause
    ready.removeAll()
    readySince = nil
    words = []
    unsettled.reset()
    // Until the next one nothing can be settled.
    connection += 1
  }

  mutating func received(_ deliveries: [Delivery], at now: ContinuousClock.Instant) {
    for delivery in deliveries {
      unsettled.append()
      ready.append(delivery)
    }
    if readySince == nil, !ready.isEmpty { readySince = now }
  }

  /// Whom to give what, if it is enough or has waited long enough.
  mutating func handOut(at now: ContinuousClock.Instant) -> (Waiter, [Delivery])? {
    guard let waiter, !ready.isEmpty else { return nil }
    let isDue = readySince.map { now - $0 >= gathering } ?? true
    guard isDue || ready.count >= deliveriesMax else { return nil }
    self.waiter = nil
    return (waiter, takeReady())
  }

  /// What to tell the broker now. If there is nothing, the thread may wait for this long at most
  /// (nil: for ever) before it asks again.
  mutating func takeWords(
    at now: ContinuousClock.Instant
  ) -> (words: [UnsettledDeliveries.Word], patience: Duration?) {
    defer { words = [] }
    isThreadWaiting = words.isEmpty
    let patience = waiter == nil ? nil : readySince.map { max(.zero, gathering - (now - $0)) }
    return (words, patience)
  }

  /// How much waits in the queues.
  mutating func looked(ready: Int, dead: Int) { depths = (ready, dead) }

  private mutating func takeReady() -> [Delivery] {
    let count = min(ready.count, deliveriesMax)
    let taken = Array(ready.prefix(count))
    ready.removeFirst(count)
    if ready.isEmpty { readySince = nil }
    return taken
  }
}
