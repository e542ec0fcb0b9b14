import EventLoop

/// Lanes of which a call takes one for itself. Not Sendable: it belongs to the pool.
final class LaneGroup {
  let lanes: [Lane]
  /// Calls that wait for a lane.
  private var waiting: [CheckedContinuation<Void, Never>] = []
  private let waitingMax: Int

  init(count: Int, waitingMax: Int) {
    lanes = (0..<count).map { _ in Lane() }
    self.waitingMax = waitingMax
  }

  /// Takes a lane, waiting for one that is free; returns its place.
  func take() async throws(ExchangeError) -> Int {
    while true {
      if let place = lanes.firstIndex(where: { !$0.isTaken }) {
        lanes[place].isTaken = true
        return place
      }
      guard waiting.count < waitingMax else {
        throw .notSent("too many calls wait for a connection")
      }
      await withCheckedContinuation { waiter in
        // Looked at again: others may have come between.
        if lanes.allSatisfy(\.isTaken) { waiting.append(waiter) } else { waiter.resume() }
      }
    }
  }

  func giveBack(_ place: Int) {
    lanes[place].isTaken = false
    if !waiting.isEmpty { waiting.removeFirst().resume() }
  }
}

/// A place for one connection, which is made anew whenever it ends. Not Sendable: it belongs to the
/// pool.
final class Lane {
  /// The connection, while it can be used.
  private(set) var connection: Connection?
  /// Why there is no connection; nil while one is being made that may well work.
  private var cause: String?
  private var waiters: [CheckedContinuation<Void, Never>] = []
  /// Whether a call has the lane for itself.
  var isTaken = false

  /// The connection, or the next one if it is being made: but nobody waits for a database that is
  /// known to be away.
  func wait() async throws(ExchangeError) -> Connection {
    while true {
      if let connection { return connection }
      if let cause { throw .notSent(cause) }
      await withCheckedContinuation { waiter in
        // Looked at again: others may have come between.
        if connection == nil, cause == nil { waiters.append(waiter) } else { waiter.resume() }
      }
    }
  }

  /// A connection can be used.
  func open(_ connection: Connection) {
    self.connection = connection
    cause = nil
    wake()
  }

  /// The connection can't be used any more; the next one is being made.
  func close() { connection = nil }

  /// The database is away: whoever waits is told.
  func fail(_ cause: String) {
    connection = nil
    self.cause = cause
    wake()
  }

  private func wake() {
    let woken = waiters
    waiters = []
    for waiter in woken { waiter.resume() }
  }
}
