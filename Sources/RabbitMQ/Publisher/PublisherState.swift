import DequeModule
import KeyValueStore

/// The messages that the publisher has accepted, and how far each has come: events in, answers out.
/// No I/O, no lock, no clock.
struct PublisherState {
  /// What the thread does next.
  enum Step {
    /// Sends these, in this order on each channel.
    case send(writes: [SentWrites], changes: [PendingChanges])
    /// Waits until then (nil: without a limit), or until it is woken.
    case wait(until: ContinuousClock.Instant?)
    /// Ends: everything is done, or the time for it is over.
    case end
  }

  /// What the thread does now.
  private enum Activity {
    case working
    /// It waits, and every message wakes it.
    case idle
    /// It waits for the time of the next changes: more changes need not wake it.
    case pacing
  }

  private enum Link: Equatable {
    case away(String)
    case connected
    case blocked(String)
  }

  static let writesChannel: UInt16 = 1
  static let changesChannel: UInt16 = 2

  private let configuration: RabbitMQConfiguration
  private var link = Link.away("not connected yet")
  private(set) var writes: PendingWrites
  private var changes: PublisherLane<PendingChanges, PendingChanges>
  private var flushes = PendingFlushes()
  private var lastSequence: UInt64 = 0
  private var activity = Activity.working
  /// When the next message of changes may be sent.
  private var nextChangesAt: ContinuousClock.Instant?
  /// Why the stream takes nothing although the broker is there, and when to ask again.
  private var changesTrouble: (cause: String, retryAt: ContinuousClock.Instant)?
  private(set) var changeBytesOutstanding = 0
  /// When the publisher was told to end.
  private var endingSince: ContinuousClock.Instant?

  /// Bytes that are sent before the broker's answers are read.
  private static let sentBytesMax = 64 << 10
  /// How long the stream is left alone when it takes nothing.
  private static let changesRetryInterval = Duration.seconds(5)

  init(configuration: RabbitMQConfiguration) {
    self.configuration = configuration
    writes = PendingWrites(configuration: configuration)
    changes = PublisherLane(patience: configuration.stallPatience)
  }

  // MARK: From callers

  /// Why nothing can be published now.
  func refusal(at now: ContinuousClock.Instant) -> StoreError? {
    if endingSince != nil { return .unavailable(cause: "RabbitMQ: shutting down", retryAfter: 1) }
    switch link {
    case .away(let cause): return .unavailable(cause: "RabbitMQ: \(cause)", retryAfter: 1)
    case .blocked(let reason):
      return .unavailable(cause: "RabbitMQ takes no messages: \(reason)", retryAfter: 5)
    case .connected: break
    }
    // A broker that hangs, or a queue without a majority: no further caller waits for it.
    if writes.isLate(at: now) {
      return .unavailable(cause: "RabbitMQ does not confirm", retryAfter: 1)
    }
    return nil
  }

  /// What is wrong, even if writes are still accepted.
  func trouble(at now: ContinuousClock.Instant) -> StoreError? {
    if let refusal = refusal(at: now) { return refusal }
    guard changes.isLate(at: now, limit: configuration.confirmDeadline) else { return nil }
    return .unavailable(cause: "RabbitMQ does not confirm changes", retryAfter: 1)
  }

  /// Accepts a write or refuses it.
  mutating func add(
    _ write: UnconfirmedWrite, at now: ContinuousClock.Instant
  ) -> (refusal: StoreError?, mustWake: Bool) {
    if let refusal = refusal(at: now) { return (refusal, false) }
    guard writes.add(write) else { return (.overloaded(retryAfter: 1), false) }
    return (nil, writes.needsThread(at: now) ? wake() : false)
  }

  /// Accepts all of the changes, or refuses them all.
  mutating func add(
    _ pieces: [PendingChanges], at now: ContinuousClock.Instant
  ) -> (refusal: StoreError?, mustWake: Bool) {
    if let refusal = refusal(at: now) { return (refusal, false) }
    if let changesTrouble {
      return (.unavailable(cause: "RabbitMQ: \(changesTrouble.cause)", retryAfter: 5), false)
    }
    let bytes = pieces.reduce(0) { $0 + $1.body.count }
    guard changeBytesOutstanding + bytes <= configuration.changeBytesOutstandingMax else {
      return (.unavailable(cause: "RabbitMQ: too many changes wait", retryAfter: 1), false)
    }
    for piece in pieces {
      changeBytesOutstanding += piece.body.count
      if !changes.waiting.isEmpty, changes.waiting[changes.waiting.count - 1].join(piece) {
        // One of the two version bytes is gone.
        changeBytesOutstanding -= 1
        continue
      }
      lastSequence += 1
      var piece = piece
      piece.sequence = lastSequence
      changes.waiting.append(piece)
    }
    // If two messages wait, the first is full.
    return (nil, activity != .pacing || changes.waiting.count > 1 ? wake() : false)
  }

  /// Answers `caller` once all changes accepted so far are confirmed, unless they are already
  /// (`isDone`).
  mutating func flush(
    _ caller: UnconfirmedWrite.Caller, deadline: ContinuousClock.Instant
  ) -> (isDone: Bool, mustWake: Bool) {
    if changes.isEmpty { return (true, false) }
    flushes.append(caller, upTo: lastSequence, deadline: deadline)
    return (false, wake())
  }

  /// Whether the thread waits, so that a new message must wake it.
  private mutating func wake() -> Bool {
    defer { activity = .working }
    return activity != .working
  }

  // MARK: From the thread

  mutating func step(at now: ContinuousClock.Instant) -> Step {
    if endingSince != nil, isPastFlush(at: now) || writes.isEmpty && changes.isEmpty {
      return .end
    }
    guard link == .connected else { return wait(until: nil) }
    let writesToSend = writes.take(bytesMax: PublisherState.sentBytesMax, at: now)
    let changesToSend = takeChanges(at: now)
    if !writesToSend.isEmpty || !changesToSend.isEmpty {
      return .send(writes: writesToSend, changes: changesToSend)
    }
    let hasChanges = changesTrouble == nil && !changes.waiting.isEmpty
    return wait(
      until: [hasChanges ? nextChangesAt : nil, writes.dueTime(at: now)].compactMap { $0 }.min())
  }

  /// Changes are gathered for a moment: a message with one change costs the broker as much as one
  /// with a hundred. The first change after a pause is sent at once.
  private mutating func takeChanges(at now: ContinuousClock.Instant) -> [PendingChanges] {
    if changes.waiting.isEmpty || changesTrouble != nil { return [] }
    let isDue = nextChangesAt.map { $0 <= now } ?? true
    guard isDue || changes.waiting.count > 1 || !flushes.isEmpty || endingSince != nil else {
      return []
    }
    nextChangesAt = now + configuration.changesInterval
    var bytes = 0
    var changesToSend: [PendingChanges] = []
    while bytes < PublisherState.sentBytesMax,
      var piece = changes.waiting.popFirst()
    {
      piece.isOpen = false
      piece.sentAt = now
      bytes += piece.body.count
      changes.sent(piece)
      changesToSend.append(piece)
    }
    return changesToSend
  }

  /// Whether the time to finish what was accepted is over.
  func isPastFlush(at now: ContinuousClock.Instant) -> Bool {
    endingSince.map { now - $0 >= configuration.flushDeadline } ?? false
  }

  private mutating func wait(until instant: ContinuousClock.Instant?) -> Step {
    activity = instant == nil ? .idle : .pacing
    return .wait(until: instant)
  }

  /// The broker has answered.
  mutating func confirmed(
    _ confirms: [Confirm], at now: ContinuousClock.Instant
  ) -> PublisherAnswers {
    var answers = PublisherAnswers()
    for confirm in confirms {
      switch confirm.channel {
      case PublisherState.writesChannel:
        writes.confirmed(confirm, at: now, &answers)
      case PublisherState.changesChannel:
        confirmed(changes: changes.confirm(confirm, at: now), confirm.isPositive, &answers)
      default: break
      }
    }
    // A refused message waits to be sent again, and may be older than the unconfirmed ones.
    let oldest = min(
      changes.unconfirmed.first?.sequence ?? .max, changes.waiting.first?.sequence ?? .max)
    flushes.confirmed(before: oldest, &answers)
    return answers
  }

  private mutating func confirmed(
    changes confirmed: [PendingChanges], _ isPositive: Bool, _ answers: inout PublisherAnswers
  ) {
    guard isPositive else { return changes.waiting.prepend(contentsOf: confirmed) }
    for piece in confirmed {
      changeBytesOutstanding -= piece.body.count
      answers.add(piece.settled)
    }
  }

  /// The broker returned a message of writes that no queue took.
  mutating func returned(id: [UInt8], reason: String) -> PublisherAnswers {
    var answers = PublisherAnswers()
    writes.returned(id: id, reason: reason, &answers)
    return answers
  }

  /// A new connection has its channels.
  mutating func connected() { link = .connected }

  /// The stream takes changes (nil), or why it does not. Returns whether that is news.
  mutating func changesAre(inTrouble cause: String?, at now: ContinuousClock.Instant) -> Bool {
    defer { changesTrouble = cause.map { ($0, now + PublisherState.changesRetryInterval) } }
    return changesTrouble?.cause != cause
  }

  /// Whether to ask now if the stream takes changes again.
  func mustRetryChanges(at now: ContinuousClock.Instant) -> Bool {
    link == .connected && changesTrouble.map { $0.retryAt <= now } ?? false
  }

  /// The broker takes no messages for this reason, or takes them again (nil).
  mutating func blocked(_ reason: String?) -> PublisherAnswers {
    var answers = PublisherAnswers()
    link = reason.map { .blocked($0) } ?? .connected
    if let reason {
      writes.refuseUnsent(
        .unavailable(cause: "RabbitMQ takes no messages: \(reason)", retryAfter: 5), &answers)
    }
    return answers
  }

  /// The connection is lost, or none could be made. What was sent must be sent again.
  mutating func lost(_ cause: String) -> PublisherAnswers {
    var answers = PublisherAnswers()
    link = .away(cause)
    writes.lost()
    changes.waiting.prepend(contentsOf: changes.reset())
    // A refused message already waits there, among its successors.
    changes.waiting.sort { $0.sequence < $1.sequence }
    writes.refuseUnsent(.unavailable(cause: "RabbitMQ: \(cause)", retryAfter: 1), &answers)
    return answers
  }

  /// The thread has ended.
  mutating func ended() -> PublisherAnswers {
    var answers = lost("shutting down")
    writes.end(.outcomeUnknown(cause: "RabbitMQ: shutting down"), &answers)
    flushes.end(&answers)
    return answers
  }

  // MARK: From the clock

  /// Answers the callers whose deadline has passed.
  mutating func expire(at now: ContinuousClock.Instant) -> PublisherAnswers {
    var answers = PublisherAnswers()
    writes.expire(at: now, &answers)
    flushes.expire(at: now, &answers)
    return answers
  }

  /// Why the connection must be given up: the broker owes confirms, and none comes. A broker that
  /// takes no messages has said so.
  mutating func stall(at now: ContinuousClock.Instant) -> String? {
    guard link == .connected else { return nil }
    return writes.stall(at: now).map { "writes: \($0)" }
      ?? changes.stall(at: now).map { "changes: \($0)" }
  }

  /// Nothing more is accepted; what was accepted is finished.
  mutating func end(at now: ContinuousClock.Instant) {
    if endingSince == nil { endingSince = now }
  }
}

/// Callers and their answers, given after the publisher's lock is released: resuming takes the lock
/// of each caller's loop.
struct PublisherAnswers: Sendable {
  /// How many writes were confirmed or given up.
  private(set) var finishedWrites = 0
  private var callers: [(caller: UnconfirmedWrite.Caller, answer: StoreError?)] = []
  private var settled: [OutboxID] = []

  mutating func add(_ caller: UnconfirmedWrite.Caller, _ answer: StoreError?) {
    callers.append((caller, answer))
  }

  /// A write was confirmed or given up; `caller` may have its answer already.
  mutating func finish(_ caller: UnconfirmedWrite.Caller?, _ answer: StoreError?) {
    finishedWrites += 1
    if let caller { add(caller, answer) }
  }

  fileprivate mutating func add(_ settlements: [Settlement]) {
    for settlement in settlements where settlement.isLastPiece() { settled.append(settlement.id) }
  }

  func give(_ published: PublishedChanges?) {
    // First, as a caller that waited for the flush may take them.
    if !settled.isEmpty { published?.add(settled) }
    for (caller, answer) in callers { caller.resume(returning: answer) }
  }
}
