import Basics
import Synchronization

/// The database's clock, as far as it is known here: its last reading, and how long ago that
/// arrived. Any thread may read it.
///
/// A reading ages on its way here. So this clock is behind the database's, never ahead of it, by
/// the shortest time that any answer took.
final class DatabaseClock: Sendable {
  private struct Reading {
    let time: Int64
    let heard: ContinuousClock.Instant

    func now(at instant: ContinuousClock.Instant) -> Int64 {
      time + (instant - heard).microseconds
    }
  }

  private struct State {
    var reading: Reading?
    var lastHeard: ContinuousClock.Instant?
  }

  private let state = Mutex(State())

  /// What it says now, in µs since 1970; nil: no reading has arrived yet.
  var now: Int64? {
    let instant = ContinuousClock.now
    return state.withLock { $0.reading?.now(at: instant) }
  }

  /// Whether no reading has arrived for `duration`.
  func isSilent(for duration: Duration) -> Bool {
    let instant = ContinuousClock.now
    return state.withLock { state in state.lastHeard.map { instant - $0 >= duration } ?? true }
  }

  /// Takes a reading of an exchange at whose beginning this clock said `least`.
  ///
  /// A reading later than this clock was on its way for a shorter time, and replaces it. An earlier
  /// one was not, and is ignored, unless it is even before `least`: then the database's clock was
  /// set back, or this is the clock of another server, and this clock follows it.
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
