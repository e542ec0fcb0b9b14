/// Lanes of which a call takes one for itself. Not Sendable: it belongs to the pool.
final class LaneGroup {
  let lanes: [Lane]
  private var waiting = Waiters()
  private let waitingMax: Int

  init(count: Int, waitingMax: Int) {
    lanes = (0..<count).map { _ in Lane() }
    self.waitingMax = waitingMax
  }

  /// Takes a lane, waiting for one that is free; `dismissWaiters` ends the wait, `extra` later than
  /// it does others'. Returns the place of the lane.
  func take(waiting extra: Duration = .zero) async throws(ExchangeError) -> Int {
    while true {
      if let place = lanes.firstIndex(where: { !$0.isTaken }) {
        lanes[place].isTaken = true
        return place
      }
      guard waiting.count < waitingMax else {
        throw .notSent("too many calls wait for a connection")
      }
      let isStillWanted = await withCheckedContinuation { waiter in
        // Checked again: other calls may have run in between.
        if lanes.allSatisfy(\.isTaken) {
          waiting.add(waiter, extra: extra)
        } else {
          waiter.resume(returning: true)
        }
      }
      if !isStillWanted { throw .notSent("no connection to the database was free in time") }
    }
  }

  /// How many calls wait.
  var waitingCount: Int { waiting.count }

  func giveBack(_ place: Int) {
    lanes[place].isTaken = false
    waiting.wakeFirst()
  }

  /// Ends the waits that began before `time`.
  func dismissWaiters(since time: ContinuousClock.Instant) { waiting.dismiss(since: time) }
}

/// Calls that wait, in the order of their arrival. They are resumed with whether to try again;
/// false: they have waited too long.
private struct Waiters {
  private var all: [(since: ContinuousClock.Instant, call: CheckedContinuation<Bool, Never>)] = []

  var count: Int { all.count }

  /// `extra`: the call counts as having arrived so much later.
  mutating func add(_ call: CheckedContinuation<Bool, Never>, extra: Duration = .zero) {
    all.append((since: .now + extra, call: call))
  }

  mutating func wakeFirst() {
    if !all.isEmpty { all.removeFirst().call.resume(returning: true) }
  }

  mutating func wakeAll() {
    let woken = all
    all = []
    for waiter in woken { waiter.call.resume(returning: true) }
  }

  mutating func dismiss(since time: ContinuousClock.Instant) {
    let dismissed = all.filter { $0.since < time }
    if dismissed.isEmpty { return }
    all.removeAll { $0.since < time }
    for waiter in dismissed { waiter.call.resume(returning: false) }
  }
}

/// A place for one connection, which is replaced whenever it ends. Not Sendable: it belongs to the
/// pool.
final class Lane {
  /// The connection, while it can be used.
  private(set) var connection: Connection?
  /// Why there is no connection; nil while connecting may still succeed.
  private var cause: String?
  private var waiters = Waiters()
  /// Whether there has been a connection since the process began.
  private(set) var wasOpened = false
  /// Whether a call has the lane for itself.
  var isTaken = false
  /// The connection that this call has been lent.
  private(set) var lent: Connection?

  /// The connection, or the next one if it is being made. Throws at once if the database is known
  /// to be away, and when `dismissWaiters` ends the wait.
  func wait() async throws(ExchangeError) -> Connection {
    while true {
      if let connection { return connection }
      if let cause { throw .notSent(cause) }
      let isStillWanted = await withCheckedContinuation { waiter in
        // Checked again: other calls may have run in between.
        if connection == nil, cause == nil {
          waiters.add(waiter)
        } else {
          waiter.resume(returning: true)
        }
      }
      if !isStillWanted { throw .notSent("connecting to the database takes too long") }
    }
  }

  /// As `wait`, for a call that has the lane for itself. It calls `giveBack` in the end.
  func lend() async throws(ExchangeError) -> Connection {
    let connection = try await wait()
    lent = connection
    return connection
  }

  func giveBack() { lent = nil }

  /// Ends the waits that began before `time`.
  func dismissWaiters(since time: ContinuousClock.Instant) { waiters.dismiss(since: time) }

  /// How many calls wait.
  var waitingCount: Int { waiters.count }

  /// A connection can be used, instead of the one before.
  func open(_ connection: Connection) {
    self.connection = connection
    cause = nil
    wasOpened = true
    waiters.wakeAll()
  }

  /// A connection can't be used any more; the next one is being made. `cause`: it would not help.
  func ended(_ connection: Connection, _ cause: String?) {
    guard connection === self.connection else { return }
    self.connection = nil
    if let cause { fail(cause) }
  }

  /// The database is away: the waiting calls fail.
  func fail(_ cause: String) {
    connection = nil
    self.cause = cause
    waiters.wakeAll()
  }
}
