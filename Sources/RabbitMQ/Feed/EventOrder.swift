import DequeModule
import HeapModule
import KeyValueStore

/// Puts the changes of each key in the order of its revisions.
///
/// Each process publishes what it has committed, so that in the stream an older change may stand
/// after a newer one of its key: by milliseconds at any time, and by seconds where kv-worker
/// publishes what another process could not. What a put follows is told by its metadata: the
/// version counts the puts since the key was created, and the time of creation names that. After
/// the last change of its key that was given out,
/// - the put with the next version is next, and goes out at once: a key that is updated is not
///   delayed;
/// - a put with a later version lacks others, and so does one of another creation while the end of
///   the last one has not been seen. It waits for them, at most for `latenessMax`;
/// - everything else may lack others, and waits for `skewMax`: deletes and expiries, which have no
///   version; the first put after an end, as the key may have been created and deleted in between;
///   every change of a key of which nothing is remembered. That includes the creation of a key that
///   was never seen: when a lock is released at one node and taken at another at once, the new
///   holder's put may be published before the delete of an old key, and nothing in the put tells.
///
/// So a delete or an expiry is in order as long as nothing has crashed: if a put before it comes
/// seconds later, it does not wait for that.
///
/// Once a change has waited for long enough, it goes out after those of its key that are older.
/// What comes later than that is given out at once, out of order: a change that is missing would be
/// worse. A change that has certainly been given out before is dropped. One that may not have been
/// is given out again.
///
/// Changes that wait do not delay those of other keys. The position of what is given out meanwhile
/// is the one before the oldest change that waits, so that who resumes there misses nothing.
///
/// No I/O, no lock, no clock: times are parameters, and must not run backwards.
struct EventOrder {
  typealias Instant = ContinuousClock.Instant

  /// How long a change waits where others may be missing: as long as processes that work differ in
  /// publishing. They do so every 20 ms.
  let skewMax: Duration
  /// How long a change waits for others that are known to be missing: longer than kv-worker takes
  /// to publish what a crashed process has left, or a cluster of brokers to elect a leader.
  let latenessMax: Duration
  var bounds: Bounds { didSet { given.keysMax = bounds.keysMax } }
  private var given: GivenChanges
  /// By arrival, which is the order of their places; nil: gone out since. The first one waits.
  private var held: Deque<Held?> = []
  /// The number of the first one: they are numbered by arrival.
  private var firstNumber = 0
  private var heldBytes = 0
  private var lines: [Key: Line] = [:]
  private var deadlines = Heap<Deadline>()
  /// The place of the last change that was received.
  private var read: FeedPosition

  struct Bounds: Equatable {
    /// Of so many keys the last change is remembered, and of half as many at least.
    var keysMax: Int
    /// The most that changes which wait may take, in bytes. Beyond it the oldest ones go out.
    var heldBytesMax: Int

    /// For one that follows on behalf of a loop's watchers.
    static let following = Bounds(keysMax: 100_000, heldBytesMax: 8 << 20)
    /// For one that is behind; there may be many.
    static let replaying = Bounds(keysMax: 8_192, heldBytesMax: 1 << 20)
  }

  /// A change that waits.
  private struct Held {
    let change: Change
    let place: FeedPosition
    /// The place before its own.
    let previous: FeedPosition
    let arrival: Instant
  }

  /// The changes of a key that wait.
  private struct Line {
    /// The numbers of the changes, by revision.
    var numbers: [Int] = []
    /// When the first one has waited for long enough.
    var deadline: Instant?
  }

  private struct Deadline: Comparable {
    let time: Instant
    /// Of the first change that waits: what came together goes out in its order.
    let number: Int
    let key: Key

    static func < (left: Deadline, right: Deadline) -> Bool {
      (left.time, left.number) < (right.time, right.number)
    }
  }

  init(
    after position: FeedPosition, skewMax: Duration, latenessMax: Duration,
    bounds: Bounds = .replaying
  ) {
    read = position
    given = GivenChanges(keysMax: bounds.keysMax)
    self.skewMax = skewMax
    self.latenessMax = latenessMax
    self.bounds = bounds
  }

  /// Everything up to here has been given out.
  var position: FeedPosition { (held.first ?? nil)?.previous ?? read }

  /// Whether there are changes that wait.
  var isHolding: Bool { !held.isEmpty }

  /// When to call `release`; nil: nothing waits.
  var deadline: Instant? { deadlines.min?.time }

  /// Whether something waits that goes out within `skewMax`, even if nothing more is received.
  func releasesSoon(_ now: Instant) -> Bool {
    deadline.map { $0 <= now + skewMax } ?? false
  }

  /// Takes the next change of the stream, and adds to `ready` what goes out now.
  mutating func receive(
    _ change: Change, at place: FeedPosition, _ now: Instant, into ready: inout [FeedEvent]
  ) {
    let previous = read
    read = place
    let last = given[change.key]
    if let last, change.revision <= last.revision {
      if !last.covers(change) { give(change, at: place, into: &ready) }
      return
    }
    if lines[change.key] == nil, wait(for: change, after: last) == nil {
      given.add(change, after: last)
      give(change, at: place, into: &ready)
      return
    }
    hold(Held(change: change, place: place, previous: previous, arrival: now), now, into: &ready)
  }

  /// Adds to `ready` what has waited for long enough.
  mutating func release(at now: Instant, into ready: inout [FeedEvent]) {
    while let next = deadlines.min, next.time <= now { settle(next.key, now, into: &ready) }
  }

  // MARK: Deciding

  /// How long a change waits for those between it and the last one of its key; nil: there are none.
  private func wait(for change: Change, after last: GivenChanges.Last?) -> Duration? {
    guard let last, case .put(let metadata) = change.kind else { return skewMax }
    if last.isPut, last.createdAt == metadata.createdAt {
      return metadata.version == last.version + 1 ? nil : latenessMax
    }
    if metadata.version > 1 { return latenessMax }
    if !last.isPut { return skewMax }
    let hasExpired = last.expiresAt.map { $0 <= metadata.createdAt } ?? false
    return hasExpired ? skewMax : latenessMax
  }

  private func give(_ change: Change, at place: FeedPosition, into ready: inout [FeedEvent]) {
    ready.append(FeedEvent(position: position, place: place, change: change))
  }

  // MARK: Holding

  private mutating func hold(_ event: Held, _ now: Instant, into ready: inout [FeedEvent]) {
    let key = event.change.key
    var line = lines.removeValue(forKey: key) ?? Line()
    var index = line.numbers.count
    while index > 0, let other = self[line.numbers[index - 1]],
      other.revision >= event.change.revision
    {
      if other.revision == event.change.revision {
        lines[key] = line
        return
      }
      index -= 1
    }
    line.numbers.insert(firstNumber + held.count, at: index)
    lines[key] = line
    held.append(event)
    heldBytes += Self.bytes(of: event.change)
    // Behind another change of its key it waits for that.
    if index == 0 { settle(key, now, into: &ready) }
    while heldBytes > bounds.heldBytesMax, let oldest = held.first ?? nil {
      settle(oldest.change.key, now, forcing: firstNumber, into: &ready)
    }
  }

  private subscript(_ number: Int) -> Change? { held[number - firstNumber]?.change }

  /// Gives out what need not wait any longer, up to the change of number `forced` in any case.
  private mutating func settle(
    _ key: Key, _ now: Instant, forcing forced: Int? = nil, into ready: inout [FeedEvent]
  ) {
    guard var line = lines.removeValue(forKey: key) else { return }
    let firstArrivals = firstArrivals(of: line)
    let before = line.deadline
    var isForced = forced != nil
    var count = 0
    line.deadline = nil
    while count < line.numbers.count, let change = self[line.numbers[count]] {
      let last = given[key]
      if !isForced, let wait = wait(for: change, after: last) {
        line.deadline = firstArrivals[count] + wait
        if firstArrivals[count] + wait > now { break }
      }
      if line.numbers[count] == forced { isForced = false }
      given.add(change, after: last)
      take(line.numbers[count], into: &ready)
      count += 1
    }
    line.numbers.removeFirst(count)
    if !line.numbers.isEmpty {
      lines[key] = line
      if let deadline = line.deadline, deadline != before {
        deadlines.insert(Deadline(time: deadline, number: line.numbers[0], key: key))
      }
    }
    // Those of lines that have moved on.
    while let next = deadlines.min, lines[next.key]?.deadline != next.time {
      deadlines.removeMin()
    }
  }

  /// For each change of a line, when the first of it and those after it came: that one has waited
  /// for all that are older, so that these need not wait anew.
  private func firstArrivals(of line: Line) -> [Instant] {
    var first: Instant?
    let reversed = line.numbers.reversed().map { number in
      let arrival = held[number - firstNumber]!.arrival
      first = min(first ?? arrival, arrival)
      return first!
    }
    return reversed.reversed()
  }

  private mutating func take(_ number: Int, into ready: inout [FeedEvent]) {
    guard let event = held[number - firstNumber] else { return }
    held[number - firstNumber] = nil
    heldBytes -= Self.bytes(of: event.change)
    while let first = held.first, first == nil {
      held.removeFirst()
      firstNumber += 1
    }
    give(event.change, at: event.place, into: &ready)
  }

  private static func bytes(of change: Change) -> Int {
    var bytes = change.key.bytes.count + overheadBytes
    if case .put(let metadata) = change.kind { bytes += metadata.contentType.utf8.count }
    return bytes
  }

  /// What a change that waits takes without its key and media type.
  private static let overheadBytes =
    MemoryLayout<Held?>.stride + MemoryLayout<Line>.stride + 2 * MemoryLayout<Deadline>.stride
    + 3 * 32
}
