import DequeModule
import KeyValueStore

/// The writes that the publisher has accepted: those that wait for the next message, and those
/// whose message waits for its confirm. Events in, answers out. No I/O, no lock, no clock.
///
/// A write leaves at once when it is quiet. While a message is unconfirmed, what comes waits and
/// shares the next one: a message costs the brokers about as much with one write as with hundreds.
/// Only full messages do not wait for that. After a confirm, the writers that have just been
/// answered have a moment to come back: otherwise the first of them would get a message of its own,
/// for which all others wait.
struct PendingWrites {
  private let configuration: RabbitMQConfiguration
  private var lane: PublisherLane<UnconfirmedWrite, SentWrites>
  /// Writes whose callers wait, oldest first.
  private var deadlines: Deque<UnconfirmedWrite> = []
  private var lastSequence: UInt64 = 0
  /// Writes that are neither confirmed nor given up.
  private(set) var count = 0
  /// The bytes of these writes.
  private(set) var bytes = 0
  /// The bytes of those that wait for a message.
  private var waitingBytes = 0
  /// How many writers are to be waited for after the last confirm, and until when.
  private var awaited = (count: 0, until: ContinuousClock.now)

  init(configuration: RabbitMQConfiguration) {
    self.configuration = configuration
    lane = PublisherLane(patience: configuration.stallPatience)
  }

  var isEmpty: Bool { count == 0 }

  /// When those that wait may be sent; nil: none waits, or a confirm has to come first.
  func dueTime(at now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
    if lane.waiting.isEmpty { return nil }
    if isFull {
      return lane.unconfirmed.count < configuration.writeMessagesOutstandingMax ? now : nil
    }
    guard lane.unconfirmed.isEmpty else { return nil }
    return lane.waiting.count < awaited.count ? max(now, awaited.until) : now
  }

  /// Whether those that wait fill a message.
  private var isFull: Bool {
    lane.waiting.count >= configuration.messageWritesMax
      || waitingBytes >= configuration.messageBytesMax
  }

  // MARK: From callers

  /// Accepts a write, unless too many wait (false).
  mutating func add(_ write: UnconfirmedWrite) -> Bool {
    guard count < configuration.writesOutstandingMax,
      bytes + write.bytes <= configuration.writeBytesOutstandingMax
    else { return false }
    count += 1
    bytes += write.bytes
    lastSequence += 1
    write.sequence = lastSequence
    lane.waiting.append(write)
    waitingBytes += write.content.count
    deadlines.append(write)
    return true
  }

  /// Whether the write that was added last needs the thread: to send it, or to wait no longer than
  /// until it is due. Otherwise the thread comes back by itself.
  func needsThread(at now: ContinuousClock.Instant) -> Bool {
    guard let due = dueTime(at: now) else { return false }
    return due <= now || lane.waiting.count == 1
  }

  /// Whether a message has waited for its confirm for too long.
  func isLate(at now: ContinuousClock.Instant) -> Bool {
    lane.isLate(at: now, limit: configuration.confirmDeadline)
  }

  // MARK: From the thread

  /// What to send now, in order, of at most about `bytesMax` bytes.
  mutating func take(bytesMax: Int, at now: ContinuousClock.Instant) -> [SentWrites] {
    var messages: [SentWrites] = []
    var bytes = 0
    while bytes < bytesMax, let due = dueTime(at: now), due <= now {
      let writes = takeMessage()
      if writes.isEmpty { break }
      for write in writes { write.attempts += 1 }
      let message = SentWrites(writes: writes, sentAt: now)
      bytes += message.bytes
      lane.sent(message)
      messages.append(message)
    }
    return messages
  }

  /// The oldest that wait, as many as a message takes. One that is longer has a message to itself.
  private mutating func takeMessage() -> [UnconfirmedWrite] {
    var writes: [UnconfirmedWrite] = []
    var bytes = 0
    while writes.count < configuration.messageWritesMax, let write = lane.waiting.first {
      if !write.isOver {
        bytes += write.content.count
        if !writes.isEmpty, bytes > configuration.messageBytesMax { break }
        writes.append(write)
      }
      lane.waiting.removeFirst()
      waitingBytes -= write.content.count
    }
    return writes
  }

  /// The broker has answered: for all writes of a message.
  mutating func confirmed(
    _ confirm: Confirm, at now: ContinuousClock.Instant, _ answers: inout PublisherAnswers
  ) {
    var refused: [UnconfirmedWrite] = []
    let messages = lane.confirm(confirm, at: now)
    awaited = (
      count: messages.reduce(lane.waiting.count) { $0 + $1.writes.count },
      until: now + configuration.writeGathering
    )
    for message in messages {
      guard confirm.isPositive else {
        refused += message.writes
        continue
      }
      for write in message.writes { finish(write, nil, &answers) }
    }
    for write in refused where write.attempts == 1 {
      finish(write, .unavailable(cause: "RabbitMQ refused a write", retryAfter: 1), &answers)
    }
    // An earlier attempt of the others may have reached the queue: only a confirm decides.
    if refused.isEmpty { return }
    lane.waiting.prepend(contentsOf: refused.filter { !$0.isOver })
    countWaitingBytes()
  }

  private mutating func countWaitingBytes() {
    waitingBytes = lane.waiting.reduce(0) { $0 + $1.content.count }
  }

  /// The broker returned a message that no queue took. The confirm that follows means nothing.
  mutating func returned(id: [UInt8], reason: String, _ answers: inout PublisherAnswers) {
    let found = lane.unconfirmed.messages { $0.writes[0].id.text.utf8.elementsEqual(id) }
    // If the same operation was submitted twice, it is unknown which of the two was returned.
    guard found.count == 1 else { return }
    for write in found[0].writes where write.attempts == 1 {
      finish(write, .unavailable(cause: "RabbitMQ: \(reason)", retryAfter: 1), &answers)
    }
  }

  /// The connection is lost. What was sent must be sent again.
  mutating func lost() {
    let sent = lane.reset().flatMap(\.writes)
    lane.waiting.prepend(contentsOf: sent.filter { !$0.isOver })
    // A refused write already waits there, among its successors.
    lane.waiting.sort { $0.sequence < $1.sequence }
    countWaitingBytes()
  }

  /// Gives up the writes of which it is certain that no queue has them.
  mutating func refuseUnsent(_ error: StoreError, _ answers: inout PublisherAnswers) {
    let waiting = lane.waiting
    lane.waiting = Deque(waiting.filter { $0.attempts > 0 })
    countWaitingBytes()
    for write in waiting where write.attempts == 0 { finish(write, error, &answers) }
  }

  /// Gives up all whose callers wait.
  mutating func end(_ error: StoreError, _ answers: inout PublisherAnswers) {
    for write in deadlines where write.caller != nil { finish(write, error, &answers) }
  }

  // MARK: From the clock

  /// Answers the callers whose deadline has passed.
  mutating func expire(at now: ContinuousClock.Instant, _ answers: inout PublisherAnswers) {
    while let write = deadlines.first, write.caller == nil || write.deadline <= now {
      deadlines.removeFirst()
      guard let caller = write.caller else { continue }
      if write.attempts == 0 {
        finish(write, .unavailable(cause: "RabbitMQ is too slow", retryAfter: 1), &answers)
      } else {
        // It is still sent: a worker applies it once, however often it arrives.
        write.caller = nil
        answers.add(caller, .outcomeUnknown(cause: "RabbitMQ did not confirm in time"))
      }
    }
  }

  /// Why the connection must be given up.
  mutating func stall(at now: ContinuousClock.Instant) -> String? { lane.stall(at: now) }

  private mutating func finish(
    _ write: UnconfirmedWrite, _ answer: StoreError?, _ answers: inout PublisherAnswers
  ) {
    if write.isOver { return }
    write.isOver = true
    count -= 1
    bytes -= write.bytes
    answers.finish(write.caller, answer)
    write.caller = nil
    // Almost always the oldest, as confirms come in order.
    while let first = deadlines.first, first.caller == nil { deadlines.removeFirst() }
  }
}

/// A write on its way to the queue, with the caller that waits for its confirm.
///
/// `@unchecked Sendable`: every mutable property is accessed with the lock of `PublisherState`
/// held.
final class UnconfirmedWrite: @unchecked Sendable {
  /// Resumed with nil once the queue has the write.
  typealias Caller = CheckedContinuation<StoreError?, Never>

  let id: OperationID
  /// In the layout of `WriteGroup`.
  let content: [UInt8]
  let deadline: ContinuousClock.Instant
  /// Nil once it was answered. The write goes on if the answer was "unknown".
  var caller: Caller?
  /// How often it was sent. Zero: it is certain that no queue has it.
  var attempts = 0
  /// Counts the writes of this process.
  var sequence: UInt64 = 0
  /// Whether it is neither sent nor counted any more.
  var isOver = false

  init(_ queued: QueuedWrite, deadline: ContinuousClock.Instant, caller: Caller?) {
    id = queued.id
    content = WriteGroup.encode(queued)
    self.deadline = deadline
    self.caller = caller
  }

  /// What it takes while it waits, roughly.
  var bytes: Int { content.count + 128 }
}

/// Writes that were sent in one message.
struct SentWrites: PublishedMessage, Sendable {
  /// At least one.
  let writes: [UnconfirmedWrite]
  let sentAt: ContinuousClock.Instant?

  var bytes: Int { writes.reduce(0) { $0 + $1.bytes } }

  /// Needs no lock.
  var message: OutgoingMessage {
    WriteGroup.message(of: writes.map(\.content), id: writes[0].id)
  }
}
