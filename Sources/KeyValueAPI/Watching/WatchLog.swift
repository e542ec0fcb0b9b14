import DequeModule
import KeyValueStore

/// The last events of the feed, without a gap: watchers that are not far behind go on from here.
struct WatchLog {
  private var events: Deque<WatchEvent> = []
  /// The position before the first event.
  private(set) var start: FeedPosition
  /// The position of the last event.
  private(set) var end: FeedPosition
  private let countMax: Int

  /// A log that begins after `start`. It keeps at most `countMax` events, of 1 KiB or so.
  init(after start: FeedPosition, countMax: Int = 4_096) {
    self.start = start
    end = start
    self.countMax = countMax
  }

  /// Adds the next event, and drops the oldest ones.
  mutating func append(_ event: WatchEvent) {
    events.append(event)
    end = event.position
    while events.count > countMax, let first = events.popFirst() { start = first.position }
  }

  /// Whether this is the position of an event, or the one before the first.
  func contains(_ position: FeedPosition) -> Bool {
    if position == start { return true }
    let index = place(after: position)
    return index > 0 && events[index - 1].position == position
  }

  /// The events after `position`; nil if some of them are not in the log any more.
  func events(after position: FeedPosition) -> Deque<WatchEvent>.SubSequence? {
    position < start ? nil : events[place(after: position)...]
  }

  /// How many events are not after `position`.
  private func place(after position: FeedPosition) -> Int {
    var (low, high) = (0, events.count)
    while low < high {
      let middle = (low + high) / 2
      if position < events[middle].position { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
