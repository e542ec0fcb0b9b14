import DequeModule
import KeyValueStore

/// What the publisher has taken on, and how far it has come: events in, answers out. No I/O, no
/// lock, no clock.
struct PublisherState {
  /// What the thread is to do next.
  enum Step {
    /// Send these, in this order on each channel.
    case send(writes: [PendingWrite], changes: [PendingChanges])
    /// Wait until then (nil: for ever), or until whoever brings something signals.
    case wait(until: ContinuousClock.Instant?)
    /// Everything is done, or there is no more time for it.
    case end
  }

  /// What the thread does.
  private enum Activity {
    case working
    /// It waits: whatever comes wakes it.
    case idle
    /// It waits for the time of the next changes: further ones need not wake it.
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
  private var writes: PublisherLane<PendingWrite>
  private var changes: PublisherLane<PendingChanges>
  /// Writes whose callers wait, the oldest first.
  private var deadlines: Deque<PendingWrite> = []
  private var flushes = PendingFlushes()
  private var lastSequence: UInt64 = 0
  private var activity = Activity.working
  /// When the next message of changes may be sent.
  private var nextChangesAt: ContinuousClock.Instant?
  /// Why the stream takes nothing, though the broker is there, and when to ask again.
  private var changesTrouble: (cause: String, retryAt: ContinuousClock.Instant)?
  /// Writes that are neither confirmed nor given up, and their bytes.
  private(set) var writesOutstanding = 0
  private(set) var writeBytesOutstanding = 0
  private(set) var changeBytesOutstanding = 0
  /// When the publisher was told to end.
  private(set) var endingSince: ContinuousClock.Instant?
  /// Why this connection is being given up, though it lives.
  private var stall: String?
  /// How many were.
  private(set) var stalls = 0

  /// Bytes that are sent before the broker's answers are read.
  private static let sentBytesMax = 64 << 10

  init(configuration: RabbitMQConfiguration) {
    self.configuration = configuration
    writes = PublisherLane(patience: configuration.stallPatience)
    changes = PublisherLane(patience: configuration.stallPatience)
  }

  // MARK: From callers

  /// Why nothing can be published now; nil: it can.
  func refusal(at now: ContinuousClock.Instant) -> StoreError? {
    if endingSince != nil { return .unavailable(cause: "RabbitMQ: shutting down", retryAfter: 1) }
    switch link {
    case .away(let cause): return .unavailable(cause: "RabbitMQ: \(cause)", retryAfter: 1)
    case .blocked(let reason):
      return .unavailable(cause: "RabbitMQ takes no messages: \(reason)", retryAfter: 5)
    case .connected: break
    }
    // A broker that hangs, or a queue without a majority: let nobody else wait for it.
    if writes.isLate(at: now, limit: configuration.confirmDeadline) {
      return .unavailable(cause: "RabbitMQ does not confirm", retryAfter: 1)
    }
    return nil
  }

  /// What is wrong, whether or not writes are taken; nil: nothing.
  func trouble(at now: ContinuousClock.Instant) -> StoreError? {
    if let refusal = refusal(at: now) { return refusal }
    guard changes.isLate(at: now, limit: configuration.confirmDeadline) else { return nil }
    return .unavailable(cause: "RabbitMQ does not confirm changes", retryAfter: 1)
  }

  /// Takes a write on, or says why not. True: the thread must be woken.
  mutating func add(_ write: PendingWrite, at now: ContinuousClock.Instant) -> (StoreError?, Bool) {
    if let refusal = refusal(at: now) { return (refusal, false) }
    guard writesOutstanding < configuration.writesOutstandingMax,
      writeBytesOutstanding + write.message.bytes <= configuration.writeBytesOutstandingMax
    else { return (.overloaded(retryAfter: 1), false) }
    writesOutstanding += 1
    writeBytesOutstanding += write.message.bytes
    writes.waiting.append(write)
    deadlines.append(write)
    return (nil, wake())
  }

  /// Takes changes on, all or none.
  mutating func add(
    _ pieces: [PendingChanges], at now: ContinuousClock.Instant
  ) -> (StoreError?, Bool) {
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
        // The two versions have become one.
        changeBytesOutstanding -= 1
        continue
      }
      lastSequence += 1
      var piece = piece
      piece.sequence = lastSequence
      changes.waiting.append(piece)
    }
    // One message is full already if there is more than one.
    return (nil, activity != .pacing || changes.waiting.count > 1 ? wake() : false)
  }

  /// Answers `caller` once all changes that were taken on so far are confirmed. `isDone`: they are.
  mutating func flush(
    _ caller: PendingWrite.Caller, deadline: ContinuousClock.Instant
  ) -> (isDone: Bool, mustWake: Bool) {
    if changes.isEmpty { return (true, false) }
    flushes.append(caller, upTo: lastSequence, deadline: deadline)
    return (false, wake())
  }

  /// Whether the thread waits and must be woken for what has come.
  private mutating func wake() -> Bool {
    defer { activity = .working }
    return activity != .working
  }

  // MARK: From the thread

  /// What to do next.
  mutating func step(at now: ContinuousClock.Instant) -> Step {
    if endingSince != nil, isPastFlush(at: now) || writes.isEmpty && changes.isEmpty {
      return .end
    }
    guard link == .connected else { return wait(until: nil) }
    let writesToSend = takeWrites(at: now)
    let changesToSend = takeChanges(at: now)
    if !writesToSend.isEmpty || !changesToSend.isEmpty {
      return .send(writes: writesToSend, changes: changesToSend)
    }
    let hasChanges = changesTrouble == nil && !changes.waiting.isEmpty
    return wait(until: hasChanges ? nextChangesAt : nil)
  }

  private mutating func takeWrites(at now: ContinuousClock.Instant) -> [PendingWrite] {
    var bytes = 0
    var writesToSend: [PendingWrite] = []
    while bytes < PublisherState.sentBytesMax, let write = writes.waiting.popFirst() {
      if write.isOver { continue }
      write.attempts += 1
      write.sentAt = now
      bytes += write.message.bytes
      writes.sent(write)
      writesToSend.append(write)
    }
    return writesToSend
  }

  /// Changes are gathered for a moment: a message costs the broker the same with one as with a
  /// hundred. The first after a pause goes at once.
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

  /// Whether there is no more time for what was taken on.
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
        confirmed(writes: writes.confirm(confirm, at: now), confirm.isPositive, &answers)
      case PublisherState.changesChannel:
        confirmed(changes: changes.confirm(confirm, at: now), confirm.isPositive, &answers)
      default: break
      }
    }
    // What was refused waits to be sent once more, and may be older than what is on its way.
    let oldest = min(
      changes.unconfirmed.first?.sequence ?? .max, changes.waiting.first?.sequence ?? .max)
    flushes.confirmed(before: oldest, &answers)
    return answers
  }

  private mutating func confirmed(
    writes confirmed: [PendingWrite], _ isPositive: Bool, _ answers: inout PublisherAnswers
  ) {
    for write in confirmed {
      if isPositive {
        finish(write, nil, &answers)
      } else if write.attempts == 1 {
        finish(write, .unavailable(cause: "RabbitMQ refused a write", retryAfter: 1), &answers)
      } else {
        // What was sent before may have arrived: only a confirm ends it.
        writes.waiting.append(write)
      }
    }
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

  /// No queue took a write; its confirm, which is to follow, says nothing.
  mutating func returned(id: [UInt8], reason: String) -> PublisherAnswers {
    var answers = PublisherAnswers()
    for write in deadlines where !write.isOver && write.message.id.elementsEqual(id) {
      guard write.attempts == 1 else { continue }
      finish(write, .unavailable(cause: "RabbitMQ: \(reason)", retryAfter: 1), &answers)
    }
    return answers
  }

  /// A new connection has its channels.
  mutating func connected() {
    link = .connected
    stall = nil
  }

  /// Whether the stream takes changes (nil). True: that is news.
  mutating func changesAre(inTrouble cause: String?, at now: ContinuousClock.Instant) -> Bool {
    defer { changesTrouble = cause.map { ($0, now + Backoff.longest) } }
    return changesTrouble?.cause != cause
  }

  /// Whether to look if the stream takes changes again.
  func mustRetryChanges(at now: ContinuousClock.Instant) -> Bool {
    link == .connected && changesTrouble.map { $0.retryAt <= now } ?? false
  }

  /// The broker takes no messages (a reason), or does again (nil).
  mutating func blocked(_ reason: String?) -> PublisherAnswers {
    var answers = PublisherAnswers()
    link = reason.map { .blocked($0) } ?? .connected
    if let reason {
      refuseUnsent(
        .unavailable(cause: "RabbitMQ takes no messages: \(reason)", retryAfter: 5), &answers)
    }
    return answers
  }

  /// The connection is lost, or there is none to be had. What was sent is to be sent again.
  mutating func lost(_ cause: String) -> PublisherAnswers {
    var answers = PublisherAnswers()
    link = .away(cause)
    writes.waiting.prepend(contentsOf: writes.reset().filter { !$0.isOver })
    changes.waiting.prepend(contentsOf: changes.reset())
    // One that was refused waits there already, among its successors.
    changes.waiting.sort { $0.sequence < $1.sequence }
    refuseUnsent(.unavailable(cause: "RabbitMQ: \(cause)", retryAfter: 1), &answers)
    return answers
  }

  /// The thread ends.
  mutating func ended() -> PublisherAnswers {
    var answers = lost("shutting down")
    for write in deadlines where write.caller != nil {
      finish(write, .outcomeUnknown(cause: "RabbitMQ: shutting down"), &answers)
    }
    flushes.end(&answers)
    return answers
  }

  // MARK: From the clock

  /// Answers those whose time is over.
  mutating func expired(at now: ContinuousClock.Instant) -> PublisherAnswers {
    var answers = PublisherAnswers()
    while let write = deadlines.first, write.caller == nil || write.deadline <= now {
      deadlines.removeFirst()
      guard let caller = write.caller else { continue }
      if write.attempts == 0 {
        finish(write, .unavailable(cause: "RabbitMQ is too slow", retryAfter: 1), &answers)
      } else {
        // It goes on: whoever applies it does so once, however often it arrives.
        write.caller = nil
        answers.add(caller, .outcomeUnknown(cause: "RabbitMQ did not confirm in time"))
      }
    }
    flushes.expired(at: now, &answers)
    return answers
  }

  /// Whether the connection is to be given up, said once: the broker owes confirms, and none comes.
  /// One that takes no messages has told us so.
  mutating func mustGiveUp(at now: ContinuousClock.Instant) -> Bool {
    guard link == .connected, stall == nil else { return false }
    stall = writes.stall(at: now).map { "writes: \($0)" }
    stall = stall ?? changes.stall(at: now).map { "changes: \($0)" }
    guard stall != nil else { return false }
    stalls += 1
    return true
  }

  /// Why a connection is over: what has ended it, or why we have.
  mutating func explain(_ failure: ConnectionFailure) -> ConnectionFailure {
    defer { stall = nil }
    return stall.map { ConnectionFailure($0) } ?? failure
  }

  /// Nothing more is taken on; what was is finished.
  mutating func end(at now: ContinuousClock.Instant) {
    if endingSince == nil { endingSince = now }
  }

  private mutating func finish(
    _ write: PendingWrite, _ answer: StoreError?, _ answers: inout PublisherAnswers
  ) {
    if write.isOver { return }
    write.isOver = true
    writesOutstanding -= 1
    writeBytesOutstanding -= write.message.bytes
    if let caller = write.caller { answers.add(caller, answer) }
    write.caller = nil
    // Almost always the oldest: confirms come in order.
    while let first = deadlines.first, first.caller == nil { deadlines.removeFirst() }
  }

  private mutating func refuseUnsent(_ error: StoreError, _ answers: inout PublisherAnswers) {
    let waiting = writes.waiting
    writes.waiting = Deque(waiting.filter { $0.attempts > 0 })
    for write in waiting where write.attempts == 0 { finish(write, error, &answers) }
  }
}
