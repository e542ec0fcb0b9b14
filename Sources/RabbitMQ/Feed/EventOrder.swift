import Basics
import DequeModule
import HeapModule
import KeyValueStore

/// Puts the changes of each key in the order of its revisions.
///
/// Each process publishes what it has committed, so that in the stream an older change may stand
/// after a newer one of its key: by milliseconds at any time, and by seconds where kv-worker
/// publishes what another process could not. Each change tells the revision of the one before it.
/// - One that follows the last change of its key that was given out, or the first change of a key,
///   goes out at once: a key that is updated is not delayed.
/// - One that follows a later change than that lacks it. It waits for it, at most for
///   `latenessMax`. So does the first one that is seen of its key, if the one before it was made
///   after this order began: it would have been seen.
/// - Otherwise nothing is known of what it follows: that may have been given out before this order
///   began, and may be on its way. It waits for `skewMax`.
///
/// Who resumes at a position has the changes before it remembered, as far back as is cheap.
///
/// So a key is in order but for the first change that is seen of it, if the one before that was
/// made before the beginning, and comes later than `skewMax`.
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
  /// When the first change was seen, by the database's clock, as far as changes tell it.
  private var beginning = Timestamp(microseconds: .min)
  /// The offset of the first message whose changes were remembered; nil: none was.
  private var firstRemembered: Int64?
  private let start: Instant
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
    after position: FeedPosition, skewMax: Duration, latenessMax: Duration, at start: Instant,
    bounds: Bounds = .replaying
  ) {
    read = position
    self.start = start
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

  /// Takes a change before the position, which has been given out.
  mutating func remember(_ change: Change, at place: FeedPosition) {
    let first = firstRemembered ?? place.offset
    firstRemembered = first
    if place.offset < first + Self.beginningMessages {
      beginning = max(
        beginning, Timestamp(microseconds: change.revision.number + skewMax.microseconds))
    }
    let last = given[change.key]
    if last.map({ $0.revision < change.revision }) ?? true { given.add(change, after: last) }
  }

  /// The first messages that are remembered tell when they begin. One may hold only writes that
  /// waited in the queue, whose revisions are older.
  private static let beginningMessages: Int64 = 16

  /// Takes the next change of the stream, and adds to `ready` what goes out now.
  mutating func receive(
    _ change: Change, at place: FeedPosition, _ now: Instant, into ready: inout [FeedEvent]
  ) {
    let previous = read
    read = place
    if firstRemembered == nil { beginning = max(beginning, estimatedBeginning(from: change, now)) }
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
    guard let previous = change.previous else { return skewMax }
    if previous == .none { return nil }
    if let last { return previous <= last.revision ? nil : latenessMax }
    let mayBeSeen = previous.number <= beginning.microseconds || given.mayHaveForgotten(previous)
    return mayBeSeen ? skewMax : latenessMax
  }

  /// A change was made when it was received, or before that, and its revision is the time in µs,
  /// or later. Rather too late than too early, as clocks and publishers differ.
  private func estimatedBeginning(from change: Change, _ now: Instant) -> Timestamp {
    let elapsed = now - start - skewMax
    return Timestamp(microseconds: change.revision.number).adding(
      microseconds: -elapsed.microseconds)
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
