package import KeyValueStore
internal import Synchronization

/// What was published, in order, and those who follow it: a feed in memory that never fails. Any
/// thread may use it.
package final class FeedLog: ChangeFeed, Sendable {
  private struct State {
    var messages: [[Change]] = []
    /// The offset of the first message.
    var first: Int64 = 1
    var waiting: [UInt64: CheckedContinuation<Void, Never>] = [:]
    var lastWaiter: UInt64 = 0

    var end: Int64 { first + Int64(messages.count) }

    subscript(offset: Int64) -> [Change] { messages[Int(offset - first)] }
  }

  private let state = Mutex(State())

  package init() {}

  /// All changes.
  package var changes: [Change] { state.withLock { $0.messages.flatMap { $0 } } }

  /// How many followers wait for the next change.
  package var waiting: Int { state.withLock { $0.waiting.count } }

  /// Drops all messages.
  package func drop() {
    state.withLock { state in
      state.first = state.end
      state.messages = []
    }
  }

  package func publish(_ changes: [Change], settling id: OutboxID?) async throws(StoreError) {
    append(changes)
  }

  package func append(_ changes: [Change]) {
    if changes.isEmpty { return }
    add(changes)
    wake()
  }

  /// Adds a message, and returns its offset.
  @discardableResult
  private func add(_ changes: [Change]) -> Int64 {
    state.withLock { state in
      state.messages.append(changes)
      return state.end - 1
    }
  }

  fileprivate func wake() {
    let woken = state.withLock { state in
      defer { state.waiting = [:] }
      return Array(state.waiting.values)
    }
    for waiter in woken { waiter.resume() }
  }

  package func flush() async throws(StoreError) {}

  /// The place where a follower begins is that of a message without changes.
  package func subscribe(
    after position: FeedPosition?
  ) async throws(StoreError) -> (any ChangeSubscription)? {
    let end = add([])
    guard let position else {
      return LogSubscription(self, after: FeedPosition(offset: end, index: 0), replayed: end)
    }
    let isKnown = state.withLock { state in
      guard position.offset >= state.first, position.offset < end else { return false }
      return (0..<max(state[position.offset].count, 1)).contains(position.index)
    }
    return isKnown ? LogSubscription(self, after: position, replayed: end) : nil
  }

  /// What follows a position; nil: it is no longer kept.
  fileprivate func events(after position: FeedPosition) -> [FeedEvent]? {
    state.withLock { state in
      if position.offset + 1 < state.first { return nil }
      var events: [FeedEvent] = []
      for offset in max(position.offset, state.first)..<state.end {
        for (index, change) in state[offset].enumerated() {
          let place = FeedPosition(offset: offset, index: index)
          if position < place { events.append(FeedEvent(position: place, change: change)) }
        }
      }
      return events
    }
  }

  /// Waits for the next message, unless there is one behind `position` or `isOver`.
  fileprivate func untilMore(
    after position: FeedPosition, unless isOver: @Sendable () -> Bool
  ) async {
    let number = state.withLock { state in
      state.lastWaiter += 1
      return state.lastWaiter
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { waiter in
        let mustWait = state.withLock { state in
          // Markers are no changes.
          let hasMore = (max(position.offset + 1, state.first)..<state.end).contains {
            !state[$0].isEmpty
          }
          if hasMore || isOver() || Task.isCancelled { return false }
          state.waiting[number] = waiter
          return true
        }
        if !mustWait { waiter.resume() }
      }
    } onCancel: {
      state.withLock { $0.waiting.removeValue(forKey: number) }?.resume()
    }
  }
}

/// One follower's place in a log.
private final class LogSubscription: ChangeSubscription {
  private let log: FeedLog
  private(set) var position: FeedPosition
  /// A log keeps changes in the order in which they are told.
  let isHolding = false
  /// The end of the log when the subscription began.
  private let replayed: Int64
  private let isEnded = Flag()

  private final class Flag: Sendable {
    private let value = Mutex(false)
    var isSet: Bool { value.withLock { $0 } }
    func set() { value.withLock { $0 = true } }
  }

  init(_ log: FeedLog, after position: FeedPosition, replayed: Int64) {
    self.log = log
    self.position = position
    self.replayed = replayed
  }

  func next() async throws(StoreError) -> [FeedEvent]? {
    while !isEnded.isSet, !Task.isCancelled {
      guard let events = log.events(after: position) else { return nil }
      if let last = events.last {
        position = last.position
        return events
      }
      await log.untilMore(after: position) { [isEnded] in isEnded.isSet }
    }
    return []
  }

  func replay() async throws(StoreError) -> [FeedEvent]? {
    guard let events = log.events(after: position) else { return nil }
    let left = events.prefix { $0.position.offset < replayed }
    position = left.last?.position ?? max(position, FeedPosition(offset: replayed, index: 0))
    return Array(left)
  }

  func end() {
    isEnded.set()
    log.wake()
  }
}
