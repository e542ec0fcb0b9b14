import DequeModule
import KeyValueStore
import Observability

/// The events of a loop with their values, for the watchers that ask for them.
///
/// Values are read when such a watcher is about to get the events, so that others need not wait.
/// What all of them need is read together, while the last read goes on. The text of an event is
/// made once, and kept until no watcher is at work, or others need its room. Not Sendable: it
/// belongs to the loop's hub.
final class WatchValues {
  private let store: Store
  private let bytesHeld: Gauge
  /// What is read next.
  private var wanted: Deque<WatchEvent> = []
  /// The events whose texts are kept, oldest first.
  private var kept: Deque<WatchEvent> = []
  private var bytesKept = 0
  private var isReading = false
  /// Watchers that wait for the end of a read.
  private var waiters: [CheckedContinuation<Void, Never>] = []
  /// Watchers that wait or read.
  private var atWork = 0

  /// The texts that are kept, in bytes; one may be larger.
  static let bytesKeptMax = 8 << 20
  /// What one read asks for: values of so many bytes, without the last one, and of so many events.
  private static let readBytesMax = 1 << 20
  private static let readCountMax = 128

  init(store: Store, bytesHeld: Gauge) {
    self.store = store
    self.bytesHeld = bytesHeld
  }

  /// The texts of events, with the value of a put if that is still the current one.
  func texts(of events: ArraySlice<WatchEvent>) async -> [[UInt8]] {
    atWork += 1
    // More than one round if others had been waiting, or the room was too small for all.
    while want(events) {
      if isReading { await withCheckedContinuation { waiters.append($0) } } else { await read() }
    }
    let texts = events.map { $0.textWithValue ?? $0.text }
    atWork -= 1
    if atWork == 0 { while dropOldest() {} }
    return texts
  }

  /// Has what is missing read. False: nothing is.
  private func want(_ events: ArraySlice<WatchEvent>) -> Bool {
    var isComplete = true
    for event in events where event.isPut && event.textWithValue == nil {
      isComplete = false
      if event.isWanted { continue }
      event.isWanted = true
      wanted.append(event)
    }
    return !isComplete
  }

  private func read() async {
    isReading = true
    // The other watchers of this turn of the loop want theirs, too.
    await Task.yield()
    let events = takeWanted()
    for (event, value) in zip(events, await store.values(of: events.map(\.change))) {
      event.isWanted = false
      keep(event, value)
    }
    isReading = false
    let woken = waiters
    waiters = []
    for waiter in woken { waiter.resume() }
  }

  private func takeWanted() -> [WatchEvent] {
    var events: [WatchEvent] = []
    var bytes = 0
    while events.count < Self.readCountMax, bytes < Self.readBytesMax, let event = wanted.popFirst()
    {
      events.append(event)
      bytes += event.valueBytes
    }
    return events
  }

  private func keep(_ event: WatchEvent, _ value: [UInt8]?) {
    let text = value.map { event.makeText(value: $0) } ?? event.text
    event.textWithValue = text
    kept.append(event)
    count(text.count)
    while bytesKept > Self.bytesKeptMax, kept.count > 1, dropOldest() {}
  }

  /// False: there is none.
  private func dropOldest() -> Bool {
    guard let event = kept.popFirst() else { return false }
    count(-(event.textWithValue?.count ?? 0))
    event.textWithValue = nil
    return true
  }

  private func count(_ bytes: Int) {
    bytesKept += bytes
    bytesHeld.add(bytes)
  }
}
