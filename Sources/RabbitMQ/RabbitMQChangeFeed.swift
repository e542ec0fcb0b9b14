public import KeyValueStore
import Synchronization

/// The change feed, in a stream of RabbitMQ. A position is the offset of a message in the stream,
/// and the index of a change in the message together with a tag of its content (`MessageTag`).
public struct RabbitMQChangeFeed: ChangeFeed, Sendable {
  private let publisher: RabbitMQPublisher
  private let watcher: RabbitMQWatcher?

  /// The feed that a publisher and a watcher serve.
  /// - Parameter watcher: nil in a process that only publishes: `subscribe` throws `unavailable`.
  public init(publisher: RabbitMQPublisher, watcher: RabbitMQWatcher?) {
    self.publisher = publisher
    self.watcher = watcher
  }

  /// See `ChangeFeed`. Never waits; changes gathered since the last message go into one. The commit
  /// is added to the publisher's `PublishedChanges` once the stream has all of them.
  ///
  /// Throws `unavailable` when there is no broker, or too many changes wait for it. The changes are
  /// then not published: they stay in the outbox.
  public func publish(_ changes: [Change], settling id: OutboxID?) async throws(StoreError) {
    if changes.isEmpty { return }
    try publisher.publish(PendingChanges.pack(changes, settling: id))
  }

  /// See `ChangeFeed`. Throws `unavailable` after the publisher's `confirmDeadline`.
  public func flush() async throws(StoreError) { try await publisher.flush() }

  /// See `ChangeFeed`. Takes one or two round trips to the broker; throws `unavailable` when there
  /// is none.
  ///
  /// The end of the stream is found by publishing a message without changes: positions from there
  /// on were never handed out.
  public func subscribe(
    after position: FeedPosition?
  ) async throws(StoreError) -> (any ChangeSubscription)? {
    guard let watcher else {
      throw .unavailable(cause: "RabbitMQ: changes are not followed here", retryAfter: 1)
    }
    if let position, position.offset < 0 || !MessageTag.canSplit(position) { return nil }
    let number = watcher.state.withLock { $0.enter() }
    var isHandedOver = false
    defer { if !isHandedOver { watcher.leave(number) } }
    try await watcher.attach()
    let last = try await watcher.mark(by: publisher)
    let generation = watcher.state.withLock { $0.generation }
    isHandedOver = true
    let subscription = StreamSubscription(
      reader: watcher, watcher: number, generation: generation, after: position ?? last, last: last,
      order: watcher.makeOrder(after: position ?? last))
    guard let position else { return subscription }
    if position.offset >= last.offset { return nil }
    if let isKept = watcher.state.withLock({ $0.isKept(position) }) {
      return isKept ? subscription : nil
    }
    return try await subscription.readFirst() ? subscription : nil
  }
}

/// One watcher's place in the change stream.
///
/// Not Sendable: belongs to its watcher's event loop.
private final class StreamSubscription: ChangeSubscription {
  private let reader: RabbitMQWatcher
  private let watcher: UInt64
  private let generation: Int
  private(set) var position: FeedPosition
  private var order: EventOrder
  /// The end of the stream when the subscription began: the position of a marker.
  private let last: FeedPosition
  private var cursor: WatchCursor
  private var isFallen = false
  private var isEnded = false
  /// Events that were read to see whether the watcher's position is kept, and not handed out yet.
  private var early: [FeedEvent] = []
  /// The watcher has had everything up to here.
  private let had: FeedPosition

  /// Before its position, a watcher reads so many messages, to know what came last of each key:
  /// under full load, those of half a second or more.
  private static let rememberedMessages: Int64 = 128

  /// Takes over `watcher`, which has entered, and lets it leave in the end.
  init(
    reader: RabbitMQWatcher, watcher: UInt64, generation: Int, after position: FeedPosition,
    last: FeedPosition, order: EventOrder
  ) {
    self.reader = reader
    self.watcher = watcher
    self.generation = generation
    self.position = position
    self.last = last
    self.order = order
    had = position
    // From the end of the stream on, nothing is owed that was made before.
    cursor = WatchCursor(
      after: position, remembering: position == last ? 0 : Self.rememberedMessages)
  }

  deinit { reader.leave(watcher) }

  var isHolding: Bool { order.isHolding }

  func next() async throws(StoreError) -> [FeedEvent]? {
    order.bounds = .following
    return try await take(while: { true })
  }

  /// What is held back until others come is left to those who follow. What may go out in a moment
  /// is waited for.
  func replay() async throws(StoreError) -> [FeedEvent]? {
    let events = try await take(while: { cursor.offset <= last.offset || order.releasesSoon(.now) })
    if events?.isEmpty == true, !Task.isCancelled, !isEnded {
      position = order.isHolding ? order.position : max(position, last)
    }
    return events
  }

  func end() {
    isEnded = true
    reader.leave(watcher)
  }

  /// Reads the message that holds the watcher's position. False: it is no longer kept, or was never
  /// handed out.
  func readFirst() async throws(StoreError) -> Bool {
    while cursor.offset <= had.offset, !Task.isCancelled {
      switch try read() {
      case nil: return false
      case .some(let events):
        early += afterPosition(events)
        guard cursor.offset <= had.offset else { break }
        await pause(after: events, until: nil)
      }
    }
    return true
  }

  /// Has the order remember what the watcher has had, and returns the rest.
  private func afterPosition(_ events: [FeedEvent]) -> [FeedEvent] {
    guard let first = events.first, first.place <= had else { return events }
    return events.filter { event in
      if event.place > had { return true }
      order.remember(event.change, at: event.place)
      return false
    }
  }

  /// The next events; none once `goesOn` says so and there are none at hand. Among what is at hand
  /// may be what others wait for.
  private func take(while goesOn: () -> Bool) async throws(StoreError) -> [FeedEvent]? {
    while !Task.isCancelled, !isEnded {
      var received: [FeedEvent] = []
      swap(&received, &early)
      if received.isEmpty, goesOn() || order.isHolding {
        guard let read = try read() else { return nil }
        received = read
      }
      let now = ContinuousClock.now
      var events: [FeedEvent] = []
      for event in afterPosition(received) {
        order.receive(event.change, at: event.place, now, into: &events)
      }
      order.release(at: now, into: &events)
      if let last = events.last {
        position = last.position
        return events
      }
      guard goesOn() else { return [] }
      await pause(after: received, until: order.deadline)
    }
    return []
  }

  /// Lets others have the loop if something was read: what is remembered, or held back, may be
  /// megabytes, of which nothing goes out. Else waits for more.
  private func pause(
    after read: [FeedEvent], until deadline: ContinuousClock.Instant?
  ) async {
    if read.isEmpty { await wait(until: deadline) } else { await Task.yield() }
  }

  /// Returns once there may be something to read, or the time has come.
  private func wait(until deadline: ContinuousClock.Instant?) async {
    let (reader, watcher, cursor, generation) = (reader, watcher, cursor, generation)
    guard let deadline else {
      return await reader.wait(watcher, for: cursor, generation: generation)
    }
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await reader.wait(watcher, for: cursor, generation: generation) }
      group.addTask { try? await Task.sleep(until: deadline, clock: .continuous) }
      await group.next()
      group.cancelAll()
    }
  }

  /// Nil: the next events are no longer kept.
  private func read() throws(StoreError) -> [FeedEvent]? {
    if isFallen { return nil }
    let (isOtherStream, isEnding) = reader.state.withLock {
      ($0.generation != generation, $0.isEnding)
    }
    if isEnding { throw .unavailable(cause: "RabbitMQ: shutting down", retryAfter: 1) }
    guard !isOtherStream else {
      isFallen = true
      return nil
    }
    switch reader.read(&cursor, of: watcher) {
    case .events(let events): return events
    case .failed(let error): throw error
    case .fallen:
      isFallen = true
      return nil
    }
  }
}
