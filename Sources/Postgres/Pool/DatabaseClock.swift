import Synchronization

/// The database's clock, as far as it is known here: what it said, and how long ago that was heard.
/// Any thread may read it.
///
/// What it says has been on its way by the time it is heard, so that this clock is behind the
/// database's, never ahead of it, by the shortest time that any answer took.
final class DatabaseClock: Sendable {
  private struct Reading {
    let time: Int64
    let heard: ContinuousClock.Instant

    func now(at instant: ContinuousClock.Instant) -> Int64 {
      time + (instant - heard) / .microseconds(1)
    }
  }

  private struct State {
    var reading: Reading?
    var lastHeard: ContinuousClock.Instant?
  }

  private let state = Mutex(State())

  /// What it says now, in µs since 1970; nil: nothing was heard of it yet.
  var now: Int64? {
    let instant = ContinuousClock.now
    return state.withLock { $0.reading?.now(at: instant) }
  }

  /// Whether nothing was heard of it for `duration`.
  func isSilent(for duration: Duration) -> Bool {
    let instant = ContinuousClock.now
    return state.withLock { state in state.lastHeard.map { instant - $0 >= duration } ?? true }
  }

  /// The database said `time` in an exchange at whose beginning this clock said `least`.
  ///
  /// Something later than what is known was on its way for a shorter time. Something earlier was
  /// not, unless it is even before `least`: then the database's clock was set back, or this is that
  /// of another server, and it is followed.
  func hear(_ time: Int64, least: Int64?) {
    let instant = ContinuousClock.now
    state.withLock { state in
      state.lastHeard = instant
      if let known = state.reading, let least, time >= least, time <= known.now(at: instant) {
        return
      }
      state.reading = Reading(time: time, heard: instant)
    }
  }
}

extension Duration {
  /// How many of `unit` it holds, rounded down.
  static func / (duration: Duration, unit: Duration) -> Int64 {
    let (seconds, attoseconds) = duration.components
    let (unitSeconds, unitAttoseconds) = unit.components
    let nanoseconds = seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    return nanoseconds / (unitSeconds * 1_000_000_000 + unitAttoseconds / 1_000_000_000)
  }
}
