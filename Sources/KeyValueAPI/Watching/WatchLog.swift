import DequeModule
import KeyValueStore

/// The last events of the feed, as it handed them out: watchers that are not far behind go on from
/// here.
struct WatchLog {
  private struct Logged {
    let event: WatchEvent
    /// The furthest place of all events up to this one. It differs from the event's own place where
    /// the feed had held the event back.
    let reach: FeedPosition
  }

  private var logged: Deque<Logged> = []
  /// All events after this position are here, or still to come.
  private(set) var start: FeedPosition
  /// The position of the last event: no event before it is still to come.
  private(set) var end: FeedPosition
  /// The furthest place of all events so far.
  private var reach: FeedPosition
  private let countMax: Int

  /// A log that begins after `start`. It keeps at most `countMax` events, of 1 KiB or so.
  init(after start: FeedPosition, countMax: Int = 4_096) {
    self.start = start
    end = start
    reach = start
    self.countMax = countMax
  }

  /// Adds the next event, and drops the oldest ones.
  mutating func append(_ event: WatchEvent) {
    reach = max(reach, event.place)
    logged.append(Logged(event: event, reach: reach))
    end = event.position
    while logged.count > countMax, let first = logged.popFirst() { start = first.reach }
  }

  /// Which events have been handed out.
  var had: PlacesHad {
    PlacesHad(end: end, ahead: logged.map(\.event.place).filter { $0 > end })
  }

  /// Whether this is the place of an event from which the log goes on, or the one before the first.
  func contains(_ position: FeedPosition) -> Bool {
    if position <= start { return position == start }
    return logged[(firstIndex { $0 >= position })...].contains { $0.event.place == position }
  }

  /// The events whose place is after `position`; nil if some of them are not in the log any more.
  func events(after position: FeedPosition) -> [WatchEvent]? {
    if position < start { return nil }
    return logged[(firstIndex { $0 > position })...].compactMap {
      $0.event.place > position ? $0.event : nil
    }
  }

  /// The index of the first event that reaches so far.
  private func firstIndex(reaching isFar: (FeedPosition) -> Bool) -> Int {
    var (low, high) = (0, logged.count)
    while low < high {
      let middle = (low + high) / 2
      if isFar(logged[middle].reach) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
