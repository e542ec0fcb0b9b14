internal import DequeModule
public import KeyValueStore
internal import Synchronization

/// A change feed in this process: the last changes in a bounded buffer.
///
/// All event loops share it. A watcher that waits is resumed on its own loop. Publishing appends
/// and resumes, and never waits. The loops publish their commits at the same time; the numbers that
/// the database's writer has given these put them in order.
public final class EmbeddedChangeFeed: ChangeFeed, Sendable {
  private let state: Mutex<State>

  private struct State {
    var buffer: FeedBuffer
    var order = CommitOrder()
    var waiting: [UInt64: CheckedContinuation<Void, Never>] = [:]
    var lastWatcher: UInt64 = 0
  }

  /// A feed that keeps at most `eventsMax` changes of at most `bytesMax` bytes.
  ///
  /// Its first offset is random. A position from before a restart is therefore none of this feed,
  /// and known to be lost, whatever the clock did meanwhile: the few offsets that a process uses
  /// lie among 2⁶² others.
  public init(
    eventsMax: Int = 65_536, bytesMax: Int = 16 << 20,
    firstOffset: Int64 = .random(in: 1..<(1 << 62))
  ) {
    state = Mutex(
      State(
        buffer: FeedBuffer(firstOffset: firstOffset, eventsMax: eventsMax, bytesMax: bytesMax)))
  }

  /// Returns at once: what was published is in the buffer.
  public func flush() async throws(StoreError) {}

  /// Adds changes in the order of their commits: those of a commit that comes too early are added
  /// with the last of its predecessors. Changes without a commit are added at once. Never throws.
  public func publish(_ changes: [Change], settling id: OutboxID?) async throws(StoreError) {
    if changes.isEmpty { return }
    let waiting: [CheckedContinuation<Void, Never>] = state.withLock { state in
      let due = id.map { state.order.take(changes, number: $0.number) } ?? [changes]
      if due.isEmpty { return [] }
      for changes in due { state.buffer.append(changes) }
      defer { state.waiting.removeAll(keepingCapacity: true) }
      return Array(state.waiting.values)
    }
    // Outside the lock, because resuming takes the lock of each watcher's loop.
    for watcher in waiting { watcher.resume() }
  }

  /// Never throws.
  public func subscribe(
    after position: FeedPosition?
  ) async throws(StoreError) -> (any ChangeSubscription)? {
    state.withLock { state in
      guard let position else {
        return subscription(&state, after: state.buffer.end)
      }
      guard state.buffer.contains(position) else { return nil }
      return subscription(&state, after: position)
    }
  }

  /// The number of watchers that wait for a change, for tests.
  public var waitingWatchers: Int { state.withLock { $0.waiting.count } }

  private func subscription(
    _ state: inout State, after position: FeedPosition
  ) -> EmbeddedChangeSubscription {
    state.lastWatcher += 1
    return EmbeddedChangeSubscription(feed: self, watcher: state.lastWatcher, after: position)
  }

  // MARK: For subscriptions

  /// Events after `position`, none if there are none yet, nil if they are no longer kept.
  fileprivate func events(after position: FeedPosition, max: Int) -> [FeedEvent]? {
    state.withLock { $0.buffer.events(after: position, max: max) }
  }

  /// Returns once there are events for a subscription, it has ended or its task is cancelled.
  fileprivate func wait(for subscription: EmbeddedChangeSubscription) async {
    let (watcher, position) = (subscription.watcher, subscription.position)
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        // Asked here, where nothing can come between the answer and the wait.
        let isEnded = subscription.isEnded
        let mustWait = state.withLock { state in
          // Checked under the lock: the flag is set before `onCancel` runs. Either `onCancel` finds
          // the continuation, or the flag is found here.
          if Task.isCancelled || isEnded || state.buffer.end > position { return false }
          state.waiting[watcher] = continuation
          return true
        }
        if !mustWait { continuation.resume() }
      }
    } onCancel: {
      stopWaiting(watcher)
    }
  }

  fileprivate func stopWaiting(_ watcher: UInt64) {
    state.withLock { $0.waiting.removeValue(forKey: watcher) }?.resume()
  }
}

/// One watcher's place in an `EmbeddedChangeFeed`. The feed keeps nothing of it, so that there is
/// nothing to end.
///
/// Not Sendable: it belongs to its watcher's event loop.
private final class EmbeddedChangeSubscription: ChangeSubscription {
  private let feed: EmbeddedChangeFeed
  let watcher: UInt64
  private(set) var position: FeedPosition
  private(set) var isEnded = false
  /// What comes too early is not in the buffer yet.
  let isHolding = false

  /// Most events returned at a time, to bound the memory that one watcher's backlog takes.
  private static let eventsMax = 256

  init(feed: EmbeddedChangeFeed, watcher: UInt64, after position: FeedPosition) {
    self.feed = feed
    self.watcher = watcher
    self.position = position
  }

  func next() async throws(StoreError) -> [FeedEvent]? {
    while !Task.isCancelled, !isEnded {
      guard let events = try await replay() else { return nil }
      if !events.isEmpty { return events }
      await feed.wait(for: self)
    }
    return []
  }

  /// What is in the buffer.
  func replay() async throws(StoreError) -> [FeedEvent]? {
    guard let events = feed.events(after: position, max: EmbeddedChangeSubscription.eventsMax)
    else { return nil }
    if let last = events.last { position = last.position }
    return events
  }

  func end() {
    isEnded = true
    feed.stopWaiting(watcher)
  }
}

/// Lets commits pass in the order of their numbers. Each is published once, soon after the commit,
/// so that the next one never waits for long.
private struct CommitOrder {
  private var next: Int64 = 0
  private var early: [Int64: [Change]] = [:]

  /// More than the loops have under way at a time. If one were missing nevertheless, the feed would
  /// go on without it.
  private static let earlyMax = 4_096

  /// What can be published now.
  mutating func take(_ changes: [Change], number: Int64) -> [[Change]] {
    // The feed has gone on without it.
    if number < next { return [changes] }
    early[number] = changes
    if early.count > CommitOrder.earlyMax, let first = early.keys.min() { next = first }
    var due: [[Change]] = []
    while let changes = early.removeValue(forKey: next) {
      due.append(changes)
      next += 1
    }
    return due
  }
}

/// The last messages of a feed, each with the changes that were published together.
private struct FeedBuffer {
  private struct Message {
    let changes: [Change]
    let bytes: Int
  }

  private var messages: Deque<Message> = []
  /// The offset of the first message in the buffer, or of the next one if there is none.
  private var firstOffset: Int64
  /// The place of the last change that was dropped, or the one before the first change.
  private var lastDropped: FeedPosition
  private var events = 0
  private var bytes = 0
  private let eventsMax: Int
  private let bytesMax: Int

  /// The bytes of a change without its key and media type.
  private static let overheadBytes = MemoryLayout<Change>.stride + 2 * 48

  init(firstOffset: Int64, eventsMax: Int, bytesMax: Int) {
    self.firstOffset = firstOffset
    self.eventsMax = eventsMax
    self.bytesMax = bytesMax
    lastDropped = FeedPosition(offset: firstOffset - 1, index: 0)
  }

  /// The place of the last change.
  var end: FeedPosition {
    guard let last = messages.last else { return lastDropped }
    return FeedPosition(
      offset: firstOffset + Int64(messages.count) - 1, index: last.changes.count - 1)
  }

  /// Adds a message, and drops the oldest ones that have no room.
  mutating func append(_ changes: [Change]) {
    let size = changes.reduce(0) { $0 + FeedBuffer.bytes(of: $1) }
    messages.append(Message(changes: changes, bytes: size))
    events += changes.count
    bytes += size
    while events > eventsMax || bytes > bytesMax, let first = messages.popFirst() {
      events -= first.changes.count
      bytes -= first.bytes
      lastDropped = FeedPosition(offset: firstOffset, index: first.changes.count - 1)
      firstOffset += 1
    }
  }

  /// Whether a watcher can resume after `position` without missing anything.
  func contains(_ position: FeedPosition) -> Bool {
    if position == lastDropped { return true }
    let distance = position.offset.subtractingReportingOverflow(firstOffset)
    guard !distance.overflow, messages.indices.contains(Int(distance.partialValue)) else {
      return false
    }
    return messages[Int(distance.partialValue)].changes.indices.contains(position.index)
  }

  /// At most `max` events after `position`, a place of this feed; nil if some of them were dropped.
  func events(after position: FeedPosition, max: Int) -> [FeedEvent]? {
    if position < lastDropped { return nil }
    var found: [FeedEvent] = []
    var offset = Swift.max(position.offset, firstOffset)
    while found.count < max, offset < firstOffset + Int64(messages.count) {
      let changes = messages[Int(offset - firstOffset)].changes
      let start = offset == position.offset ? position.index + 1 : 0
      for index in start..<changes.count where found.count < max {
        found.append(
          FeedEvent(
            position: FeedPosition(offset: offset, index: index), change: changes[index]))
      }
      offset += 1
    }
    return found
  }

  private static func bytes(of change: Change) -> Int {
    var bytes = change.key.bytes.count + overheadBytes
    if case .put(let metadata) = change.kind { bytes += metadata.contentType.utf8.count }
    return bytes
  }
}
