import DequeModule
import KeyValueStore

/// What the watchers of a process share: the end of the stream in memory, and the callers that
/// wait. Events in, commands and answers out. No I/O, no lock, no clock.
struct WatchState {
  /// What the thread does with the channel of a replay.
  enum Command: Equatable {
    case open(UInt16, at: Int64)
    case acknowledge(UInt16, tag: UInt64)
    case close(UInt16)
  }

  /// What there is for a watcher.
  enum Outcome {
    /// If there are none, the watcher calls `wait`.
    case events([FeedEvent])
    /// The next events are no longer kept.
    case fallen
    case failed(StoreError)
  }

  typealias Attaching = CheckedContinuation<StoreError?, Never>
  typealias Marking = CheckedContinuation<Result<Int64, StoreError>, Never>

  private let configuration: RabbitMQConfiguration
  private var ring: FeedRing
  /// Counts the streams of this name: it may be deleted and made again.
  private(set) var generation = 0
  /// Whether every message that is published from now on will be seen.
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
  private var channels = ReplayChannels()
  private var commands: [Command] = []
  private(set) var isEnding = false
  var progress: ConsumerProgress

  /// Most events handed out at a time; one message may hold more.
  private static let eventsMax = 256

  init(configuration: RabbitMQConfiguration) {
    self.configuration = configuration
    ring = FeedRing(bytesMax: configuration.watchedBytesMax)
    progress = ConsumerProgress(patience: configuration.stallPatience)
  }

  private var unavailable: StoreError {
    .unavailable(cause: "RabbitMQ: \(cause)", retryAfter: 1)
  }

  /// How many watchers wait for a change now.
  var waitingCount: Int { waiting.count }

  // MARK: From watchers

  /// Adds a watcher, which must `leave` in the end.
  mutating func enter() -> UInt64 {
    lastWatcher += 1
    watchers.insert(lastWatcher)
    idleSince = nil
    return lastWatcher
  }

  /// Also ends the wait of the watcher. A watcher may leave twice.
  mutating func leave(
    _ watcher: UInt64, at now: ContinuousClock.Instant
  ) -> CheckedContinuation<Void, Never>? {
    guard watchers.remove(watcher) != nil else { return nil }
    endReplay(of: watcher)
    if watchers.isEmpty { idleSince = now }
    return cancelWaiting(watcher)
  }

  /// Answers `caller` once every message that is published from then on will be seen.
  mutating func attach(_ caller: Attaching, deadline: ContinuousClock.Instant) -> WatchAnswers {
    var answers = WatchAnswers()
    if isAttached {
      answers.add(caller, nil)
    } else if isEnding {
      answers.add(caller, unavailable)
    } else {
      attaching.append((caller, deadline))
    }
    return answers
  }

  /// Answers `caller` with the offset of a marker once that is received.
  mutating func await(
    marker: UInt64, _ caller: Marking, deadline: ContinuousClock.Instant
  ) -> WatchAnswers {
    var answers = WatchAnswers()
    if isEnding {
      answers.add(caller, .failure(unavailable))
    } else {
      markers[marker] = (caller, deadline)
    }
    return answers
  }

  /// The marker could not be published.
  mutating func forget(marker: UInt64) -> Marking? {
    markers.removeValue(forKey: marker)?.caller
  }

  /// Whether the stream still has the position; nil: only a replay can tell.
  func isKept(_ position: FeedPosition) -> Bool? {
    guard ring.covers(position.offset) else { return nil }
    guard let message = ring[position.offset] else { return false }
    return message.has(position)
  }

  /// What there is for a watcher. May start a replay.
  mutating func read(_ cursor: inout WatchCursor, of watcher: UInt64) -> Outcome {
    if let first = ring.firstOffset, replays[watcher] == nil { cursor.skip(to: first) }
    if ring.covers(cursor.offset) {
      endReplay(of: watcher)
      var events: [FeedEvent] = []
      while events.count < WatchState.eventsMax, let message = ring[cursor.offset] {
        cursor.take(message, into: &events)
      }
      return .events(events)
    }
    // Not before there is a connection: only then is the end of the stream known.
    if !isAttached && replays[watcher] == nil {
      return .failed(unavailable)
    }
    return replay(&cursor, of: watcher)
  }

  private mutating func replay(_ cursor: inout WatchCursor, of watcher: UInt64) -> Outcome {
    guard var replay = replays[watcher] else {
      guard replays.count < configuration.replaysMax else {
        return .failed(.overloaded(retryAfter: 1))
      }
      let channel = channels.open(for: watcher)
      replays[watcher] = Replay(channel: channel)
      commands.append(.open(channel, at: cursor.offset))
      return .events([])
    }
    if replay.isLost {
      replays[watcher] = nil
      return .failed(unavailable)
    }
    var events: [FeedEvent] = []
    while events.count < WatchState.eventsMax, let message = replay.next {
      if message.offset < cursor.offset {
        replay.removeFirst()
        continue
      }
      cursor.skip(to: message.offset)
      if !cursor.isNext(message) {
        if !events.isEmpty { break }
        endReplay(of: watcher)
        return .fallen
      }
      cursor.take(message, into: &events)
      replay.removeFirst()
    }
    if let tag = replay.takeReadTag() { commands.append(.acknowledge(replay.channel, tag: tag)) }
    replays[watcher] = replay
    return .events(events)
  }

  private mutating func endReplay(of watcher: UInt64) {
    guard let replay = replays.removeValue(forKey: watcher), !replay.isLost else { return }
    channels.close(replay.channel)
    commands.append(.close(replay.channel))
  }

  /// False: there is something for the watcher already.
  mutating func wait(
    _ watcher: UInt64, for cursor: WatchCursor, generation: Int,
    _ caller: CheckedContinuation<Void, Never>
  ) -> Bool {
    if generation != self.generation || isEnding || !watchers.contains(watcher) { return false }
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

  /// Whether there are watchers, or were a moment ago.
  func isWanted(at now: ContinuousClock.Instant) -> Bool {
    if isEnding { return false }
    if !watchers.isEmpty { return true }
    return idleSince.map { now - $0 < configuration.watchLinger } ?? false
  }

  /// Where the stream is followed from: the last message in memory, which must come again, or else
  /// this is another stream. Without one, from now on.
  var tailOffset: StreamOffset { ring.lastOffset.map { .at($0) } ?? .next }

  /// Whether a new connection has to find out if the stream is still the one in memory.
  var needsProbe: Bool { ring.lastOffset != nil }

  /// A connection receives the messages from `tailOffset` on.
  mutating func attached(at now: ContinuousClock.Instant) -> WatchAnswers {
    isAttached = true
    progress.connected(at: now)
    var answers = WatchAnswers()
    for entry in attaching { answers.add(entry.caller, nil) }
    attaching = []
    return answers
  }

  /// The connection is gone. Watchers at the end of the stream go on waiting for the next one.
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
    channels.closeAll()
    return answers
  }

  /// Detaches from the connection if it is no longer wanted, so that it can be closed: messages
  /// will be missed.
  mutating func detach(at now: ContinuousClock.Instant) -> Bool {
    if isWanted(at: now) { return false }
    isAttached = false
    progress.restart()
    ring.clear()
    commands = []
    channels.closeAll()
    return true
  }

  /// Messages came on the channel that follows the end of the stream.
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

  /// A message came on the channel that follows what is published now. A stream that was made anew
  /// is shorter than the one before: the channel that follows the end would get nothing before it
  /// is as long. True: it is another stream, and the connection has to begin anew.
  mutating func probed(_ message: StreamMessage) -> (isOther: Bool, WatchAnswers) {
    guard let lastOffset = ring.lastOffset, message.offset <= lastOffset else {
      return (false, WatchAnswers())
    }
    let before = generation
    let answers = received([message])
    return (generation != before, answers)
  }

  /// A message came on the channel of a replay, which may have been closed since.
  mutating func received(
    _ message: StreamMessage, tag: UInt64, on channel: UInt16
  ) -> WatchAnswers {
    var answers = WatchAnswers()
    guard let watcher = channels.watcher(of: channel) else { return answers }
    replays[watcher]?.receive(message, tag: tag)
    if let caller = waiting.removeValue(forKey: watcher) { answers.add(caller) }
    return answers
  }

  // MARK: From the timer

  /// Why the connection must be given up: nothing is answered on it.
  mutating func stall(at now: ContinuousClock.Instant) -> String? {
    isAttached ? progress.stall(at: now) : nil
  }

  /// Answers the callers whose deadline has passed; when the process ends, all callers.
  mutating func expire(at now: ContinuousClock.Instant) -> WatchAnswers {
    var answers = WatchAnswers()
    while let first = attaching.first, first.deadline <= now || isEnding {
      attaching.removeFirst()
      answers.add(first.caller, unavailable)
    }
    for (marker, entry) in markers where entry.deadline <= now || isEnding {
      markers[marker] = nil
      answers.add(entry.caller, .failure(unavailable))
    }
    return answers
  }

  /// The process ends.
  mutating func end(at now: ContinuousClock.Instant) -> WatchAnswers {
    isEnding = true
    cause = "shutting down"
    var answers = expire(at: now)
    for caller in waiting.values { answers.add(caller) }
    waiting = [:]
    return answers
  }
}

/// Callers and their answers, given after the lock of `WatchState` is released: resuming takes the
/// lock of each watcher's loop.
struct WatchAnswers: Sendable {
  private var waiting: [CheckedContinuation<Void, Never>] = []
  private var attaching: [(WatchState.Attaching, StoreError?)] = []
  private var marking: [(WatchState.Marking, Result<Int64, StoreError>)] = []

  mutating func add(_ caller: CheckedContinuation<Void, Never>) { waiting.append(caller) }

  mutating func add(_ caller: WatchState.Attaching, _ answer: StoreError?) {
    attaching.append((caller, answer))
  }

  mutating func add(_ caller: WatchState.Marking, _ answer: Result<Int64, StoreError>) {
    marking.append((caller, answer))
  }

  func give() {
    for caller in waiting { caller.resume() }
    for (caller, answer) in attaching { caller.resume(returning: answer) }
    for (caller, answer) in marking { caller.resume(returning: answer) }
  }
}
