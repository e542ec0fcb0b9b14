/// Whether a consumer still gets what waits for it. A broker may keep a connection alive and forget
/// its consumer, or the acknowledgements it has received. So the channel is asked something now and
/// then, and the depth of the queue is observed. No I/O, no lock, no clock.
struct ConsumerProgress {
  private var patience: Patience
  private var askAt: ContinuousClock.Instant?
  /// When the channel was asked something, if it has neither answered nor delivered since.
  private var askedAt: ContinuousClock.Instant?
  /// When messages were first seen waiting in the queue, if none was delivered since.
  private var starvingSince: ContinuousClock.Instant?
  /// How many were seen last.
  private var waiting = 0

  /// Time between two questions.
  private static let questionInterval = Duration.seconds(1)

  init(patience: Duration) { self.patience = Patience(patience) }

  /// A connection consumes.
  mutating func connected(at now: ContinuousClock.Instant) {
    restart()
    askAt = now
  }

  /// The connection is gone, or nothing is read from it for now: the broker owes nothing.
  mutating func restart() {
    askedAt = nil
    starvingSince = nil
  }

  /// Something was delivered.
  mutating func moved() {
    restart()
    patience.moved()
  }

  /// The channel has answered.
  mutating func answered() { askedAt = nil }

  /// So many messages wait in the queue. `hasRoom`: the broker could be delivering some of them.
  mutating func observed(ready: Int, hasRoom: Bool, at now: ContinuousClock.Instant) {
    waiting = ready
    guard ready > 0, hasRoom else {
      starvingSince = nil
      return
    }
    if starvingSince == nil { starvingSince = now }
  }

  /// Whether to ask the channel something now.
  mutating func mustAsk(at now: ContinuousClock.Instant) -> Bool {
    guard askedAt == nil, askAt.map({ $0 <= now }) ?? false else { return false }
    askedAt = now
    askAt = now + ConsumerProgress.questionInterval
    return true
  }

  /// When to ask next; nil: not before an answer.
  var nextQuestion: ContinuousClock.Instant? { askedAt == nil ? askAt : nil }

  /// What has not moved for longer than `limit`.
  func trouble(at now: ContinuousClock.Instant, limit: Duration) -> String? {
    if let askedAt, now - askedAt > limit {
      return "the channel has not answered for \((now - askedAt).components.seconds) s"
    }
    if let starvingSince, now - starvingSince > limit {
      return
        "\(waiting) messages wait, and none was delivered for "
        + "\((now - starvingSince).components.seconds) s"
    }
    return nil
  }

  /// Why the connection must be given up.
  mutating func stall(at now: ContinuousClock.Instant) -> String? {
    guard let trouble = trouble(at: now, limit: patience.current) else { return nil }
    patience.wasLost()
    return trouble
  }
}
