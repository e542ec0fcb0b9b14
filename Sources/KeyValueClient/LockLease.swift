package import Basics

/// What the holder of a lock knows about it: until when the lock is certainly its own, and what to
/// do next. Times are those of this machine's monotonic clock.
package struct LockLease: Equatable, Sendable {
  /// The revision with which the lock was taken: the fencing token. It grows from holder to holder.
  package let token: Int64
  /// The revision of the latest renewal, which the next one has to find.
  package private(set) var revision: Int64
  /// Nobody else can have taken the lock before this time.
  package private(set) var ownUntil: MonotonicTime
  private let time: Duration
  private var nextRenewal: MonotonicTime

  /// - Parameters:
  ///   - start: when the request that took the lock was sent: its time may have begun then.
  ///   - time: how long the lock lasts without a renewal.
  package init(revision: Int64, start: MonotonicTime, time: Duration) {
    token = revision
    self.revision = revision
    self.time = time
    ownUntil = start.adding(time)
    nextRenewal = start.adding(time / 3)
  }

  /// What to do now.
  package enum Step: Equatable, Sendable {
    case wait(Duration)
    /// Renew; that may take this long.
    case renew(within: Duration)
    /// The lock may belong to another: stop.
    case lost
  }

  package func step(at now: MonotonicTime) -> Step {
    guard now < ownUntil else { return .lost }
    return now < nextRenewal
      ? .wait(now.duration(to: nextRenewal)) : .renew(within: now.duration(to: ownUntil))
  }

  /// A renewal that was sent at `start` has succeeded.
  package mutating func renewed(revision: Int64, start: MonotonicTime) {
    self.revision = revision
    ownUntil = start.adding(time)
    nextRenewal = start.adding(time / 3)
  }

  /// A renewal has failed at `now`, and may succeed at another attempt.
  package mutating func renewalFailed(at now: MonotonicTime) {
    nextRenewal = now.adding(min(.seconds(1), time / 10))
  }
}
