import DequeModule
import KeyValueStore

/// What watchers share: the end of the stream in memory, and who waits for what. Events in, answers
/// out. No I/O, no lock, no clock.
struct WatchState {
  /// What the thread is to do for one watcher.
  enum Command: Equatable {
    case startReplay(UInt64, at: Int64)
    case acknowledge(UInt64, tag: UInt64)
    case endReplay(UInt64)
  }

  /// What there is for a watcher.
  enum Outcome {
    /// Events, at least one; or none: wait for `wait` to return.
    case events([FeedEvent])
    /// What comes next is no longer kept.
    case fallen
    case failed(StoreError)
  }

  typealias Attaching = CheckedContinuation<StoreError?, Never>
  typealias Marking = CheckedContinuation<Result<Int64, StoreError>, Never>

  private let configuration: RabbitMQConfiguration
  private var ring: FeedRing
  /// Counts the streams that were seen under this name.
  private(set) var generation = 0
  private(set) var isAttached = false
  private var cause = "not connected yet"
  private var watchers: Set<UInt64> = []
  private var lastWatcher: UInt64 = 0
  /// When the last watcher left.
  private var idleSince: ContinuousClock.Instant?
  private var attaching: Deque<(caller: Attaching, deadline: ContinuousClock.Instant)> = []
  private var markers: [UInt64: (caller: Marking, deadline: ContinuousClock.Instant)] = [:]
  private var waiting: [UInt64: CheckedContinuation<Void, Never>] = [:]
  private var replays: [UInt64: Replay] = [:]
  private var commands: [Command] = []
  private(set) var isEnding = false
  private var progress: ConsumerProgress
  /// Why this connection is being given up, though it lives.
  private var stall: String?
  /// How many were.
  private(set) var stalls = 0

  /// Most events handed out at a time, but for those of one message.
  private static let eventsMax = 256

  init(configuration: RabbitMQConfiguration) {
    self.configuration = configuration
    ring = FeedRing(bytesMax: configuration.watchedBytesMax)
    progress = ConsumerProgress(patience: configuration.stallPatience)
  }

  /// Watchers that wait for a change now.
  var waitingCount: Int { waiting.count }

  // MARK: From watchers

  /// A watcher comes. `leave` follows.
  mutating func enter() -> UInt64 {
    lastWatcher += 1
    watchers.insert(lastWatcher)
    idleSince = nil
    return lastWatcher
  }

  mutating func leave(_ watcher: UInt64, at now: ContinuousClock.Instant) {
    watchers.remove(watcher)
    endReplay(of: watcher)
    if watchers.isEmpty { idleSince = now }
  }

  /// True: everything that is published from now on will be seen. Else `caller` will hear.
  mutating func attach(_ caller: Attaching, deadline: ContinuousClock.Instant) -> Bool {
    if isAttached { return true }
    attaching.append((caller, deadline))
    return false
  }

  /// Tells `caller` where a marker stands once it has come.
  mutating func await(
    marker: UInt64, _ caller: Marking, deadline: ContinuousClock.Instant
  ) {
    markers[marker] = (caller, deadline)
  }

  /// Nobody waits for it any more.
  mutating func forget(marker: UInt64) -> Marking? {
    markers.removeValue(forKey: marker)?.caller
  }

  /// Nil: `position` is neither in memory nor known to be wrong; whoever replays will see.
  func isKept(_ position: FeedPosition) -> Bool? {
    guard ring.covers(position.offset) else { return nil }
    guard let message = ring[position.offset] else { return false }
    return position.index < message.content.changes.count
  }

  /// What there is for a watcher. May start a replay.
  mutating func read(_ cursor: inout WatchCursor, of watcher: UInt64) -> Outcome {
    if ring.covers(cursor.offset) {
      endReplay(of: watcher)
      var events: [FeedEvent] = []
      while events.count < WatchState.eventsMax, let message = ring[cursor.offset] {
        cursor.take(message, into: &events)
      }
      return .events(events)
    }
    // Never before there is a connection, which makes the ring known.
    if !isAttached && replays[watcher] == nil {
      return .failed(.unavailable(cause: "RabbitMQ: \(cause)", retryAfter: 1))
    }
    return replay(&cursor, of: watcher)
  }

  private mutating func replay(_ cursor: inout WatchCursor, of watcher: UInt64) -> Outcome {
    guard var replay = replays[watcher] else {
      guard replays.count < configuration.replaysMax else {
        return .failed(.overloaded(retryAfter: 1))
      }
      replays[watcher] = Replay()
      commands.append(.startReplay(watcher, at: cursor.offset))
      return .events([])
    }
    if replay.isLost {
      replays[watcher] = nil
      return .failed(.unavailable(cause: "RabbitMQ: \(cause)", retryAfter: 1))
    }
    var events: [FeedEvent] = []
    while events.count < WatchState.eventsMax, let message = replay.next {
      if message.offset < cursor.offset {
        replay.removeFirst()
        continue
      }
      // One missing offset is RabbitMQ's own: see `FeedRing`.
      let isNext = message.offset - cursor.offset <= (cursor.skipped == 0 ? 1 : 0)
      let isWrong = !isNext || cursor.skipped > message.content.changes.count
      if isWrong {
        if !events.isEmpty { break }
        endReplay(of: watcher)
        return .fallen
      }
      cursor.take(message, into: &events)
      replay.removeFirst()
    }
    if let tag = replay.takeReadTag() { commands.append(.acknowledge(watcher, tag: tag)) }
    replays[watcher] = replay
    return .events(events)
  }

  private mutating func endReplay(of watcher: UInt64) {
    guard let replay = replays.removeValue(forKey: watcher), !replay.isLost else { return }
    commands.append(.endReplay(watcher))
  }

  /// False: there is something for the watcher already.
  mutating func wait(
    _ watcher: UInt64, for cursor: WatchCursor, generation: Int,
    _ caller: CheckedContinuation<Void, Never>
  ) -> Bool {
    if generation != self.generation || isEnding { return false }
    if let replay = replays[watcher], !ring.covers(cursor.offset) {
      if replay.next != nil || replay.isLost { return false }
    } else if !ring.covers(cursor.offset) || ring[cursor.offset] != nil {
      return false
    }
    waiting[watcher] = caller
    return true
  }

  mutating func cancelWaiting(_ watcher: UInt64) -> CheckedContinuation<Void, Never>? {
    waiting.removeValue(forKey: watcher)
  }

  // MARK: From the thread

  mutating func takeCommands() -> [Command] {
    defer { commands.removeAll(keepingCapacity: true) }
    return commands
  }

  var hasCommands: Bool { !commands.isEmpty }

  /// Whether anybody needs a connection, or may do so soon.
  func isWanted(at now: ContinuousClock.Instant) -> Bool {
    if isEnding { return false }
    if !watchers.isEmpty { return true }
    return idleSince.map { now - $0 < configuration.watchLinger } ?? false
  }

  /// Where to go on after what is in memory.
  var tailOffset: StreamOffset { ring.lastOffset.map { .at($0 + 1) } ?? .next }

  /// A connection receives what comes after `tailOffset`.
  mutating func attached(at now: ContinuousClock.Instant) -> WatchAnswers {
    isAttached = true
    stall = nil
    progress.connected(at: now)
    var answers = WatchAnswers()
    for entry in attaching { answers.add(entry.caller, nil) }
    attaching = []
    return answers
  }

  /// The connection is gone. Who waits for the end of the stream goes on waiting.
  mutating func lost(_ cause: String) -> WatchAnswers {
    self.cause = cause
    isAttached = false
    progress.restart()
    var answers = WatchAnswers()
    for watcher in replays.keys {
      replays[watcher]?.isLost = true
      if let caller = waiting.removeValue(forKey: watcher) { answers.add(caller) }
    }
    commands = []
    return answers
  }

  /// Nobody needed the connection any more: what comes meanwhile will be missed.
  mutating func detached() {
    isAttached = false
    progress.restart()
    ring.clear()
    commands = []
  }

  /// The stream went on.
  mutating func received(_ messages: [StreamMessage]) -> WatchAnswers {
    progress.moved()
    var answers = WatchAnswers()
    for message in messages {
      if case .restarted = ring.receive(message) { generation += 1 }
      if case .marker(let marker) = message.content,
        let (caller, _) = markers.removeValue(forKey: marker)
      {
        answers.add(caller, .success(message.offset))
      }
    }
    for caller in waiting.values { answers.add(caller) }
    waiting.removeAll(keepingCapacity: true)
    return answers
  }

  /// A replay went on; nil if nobody wants it any more.
  mutating func received(_ message: StreamMessage, tag: UInt64, for watcher: UInt64)
    -> WatchAnswers
  {
    var answers = WatchAnswers()
    replays[watcher]?.receive(message, tag: tag)
    if let caller = waiting.removeValue(forKey: watcher) { answers.add(caller) }
    return answers
  }

  /// Whether to ask the channel that follows the end of the stream something.
  mutating func mustAsk(at now: ContinuousClock.Instant) -> Bool { progress.mustAsk(at: now) }

  /// It has answered.
  mutating func answered() { progress.answered() }

  /// How long the thread may wait before it asks (nil: for ever).
  func patience(at now: ContinuousClock.Instant) -> Duration? {
    progress.nextQuestion.map { max(.zero, $0 - now) }
  }

  // MARK: From the clock

  /// Whether the connection is to be given up, said once: nothing is answered on it.
  mutating func mustGiveUp(at now: ContinuousClock.Instant) -> Bool {
    guard isAttached, stall == nil else { return false }
    stall = progress.stall(at: now)
    if stall != nil { stalls += 1 }
    return stall != nil
  }

  /// Why a connection is over: what has ended it, or why we have.
  mutating func explain(_ failure: ConnectionFailure) -> ConnectionFailure {
    defer { stall = nil }
    return stall.map { ConnectionFailure($0) } ?? failure
  }

  /// Answers those whose time is over.
  mutating func expired(at now: ContinuousClock.Instant) -> WatchAnswers {
    var answers = WatchAnswers()
    let error = StoreError.unavailable(cause: "RabbitMQ: \(cause)", retryAfter: 1)
    while let first = attaching.first, first.deadline <= now || isEnding {
      attaching.removeFirst()
      answers.add(first.caller, error)
    }
    for (marker, entry) in markers where entry.deadline <= now || isEnding {
      markers[marker] = nil
      answers.add(entry.caller, .failure(error))
    }
    return answers
  }

  /// Everybody is told to go.
  mutating func end(at now: ContinuousClock.Instant) -> WatchAnswers {
    isEnding = true
    cause = "shutting down"
    var answers = expired(at: now)
    for caller in waiting.values { answers.add(caller) }
    waiting = [:]
    return answers
  }
}
