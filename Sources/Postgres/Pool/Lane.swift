import EventLoop

/// Lanes of which a call takes one for itself. Not Sendable: it belongs to the pool.
final class LaneGroup {
  let lanes: [Lane]
  private var waiting = Waiters()
  private let waitingMax: Int

  init(count: Int, waitingMax: Int) {
    lanes = (0..<count).map { _ in Lane() }
    self.waitingMax = waitingMax
  }

  /// Takes a lane, waiting for one that is free, but no more than `extra` beyond `dismissWaiters`.
  /// Returns its place.
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
        // Looked at again: others may have come between.
        if lanes.allSatisfy(\.isTaken) {
          waiting.add(waiter, extra: extra)
        } else {
          waiter.resume(returning: true)
        }
      }
      if !isStillWanted { throw .notSent("no connection to the database was free in time") }
    }
  }

  /// Calls that wait.
  var waitingCount: Int { waiting.count }

  func giveBack(_ place: Int) {
    lanes[place].isTaken = false
    waiting.wakeFirst()
  }

  /// Tells those who have waited since before `time` that they need not wait any more.
  func dismissWaiters(since time: ContinuousClock.Instant) { waiting.dismiss(since: time) }
}

/// Calls that wait, in the order in which they came. They are told whether to look again; false: it
/// has taken too long.
private struct Waiters {
  private var all: [(since: ContinuousClock.Instant, call: CheckedContinuation<Bool, Never>)] = []

  var count: Int { all.count }

  /// `extra`: it counts as having come so much later.
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

/// A place for one connection, which is made anew whenever it ends. Not Sendable: it belongs to the
/// pool.
final class Lane {
  /// The connection, while it can be used.
  private(set) var connection: Connection?
  /// Why there is no connection; nil while one is being made that may well work.
  private var cause: String?
  private var waiters = Waiters()
  /// Whether there was a connection since the process began.
  private(set) var wasOpened = false
  /// Whether a call has the lane for itself.
  var isTaken = false

  /// The connection, or the next one if it is being made: but nobody waits for a database that is
  /// known to be away, nor beyond `dismissWaiters`.
  func wait() async throws(ExchangeError) -> Connection {
    while true {
      if let connection { return connection }
      if let cause { throw .notSent(cause) }
      let isStillWanted = await withCheckedContinuation { waiter in
        // Looked at again: others may have come between.
        if connection == nil, cause == nil {
          waiters.add(waiter)
        } else {
          waiter.resume(returning: true)
        }
      }
      if !isStillWanted { throw .notSent("connecting to the database takes too long") }
    }
  }

  /// Tells those who have waited since before `time` that they need not wait any more.
  func dismissWaiters(since time: ContinuousClock.Instant) { waiters.dismiss(since: time) }

  /// Calls that wait.
  var waitingCount: Int { waiters.count }

  /// A connection can be used.
  func open(_ connection: Connection) {
    self.connection = connection
    cause = nil
    wasOpened = true
    waiters.wakeAll()
  }

  /// The connection can't be used any more; the next one is being made.
  func close() { connection = nil }

  /// The database is away: whoever waits is told.
  func fail(_ cause: String) {
    connection = nil
    self.cause = cause
    waiters.wakeAll()
  }
}
