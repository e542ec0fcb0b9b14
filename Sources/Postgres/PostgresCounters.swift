internal import Synchronization

/// Counts what a loop's connections do, for whoever asks on another thread.
final class PostgresCounters: Sendable {
  private let statistics = Mutex(PostgresStatistics())

  /// A copy of all of them.
  var snapshot: PostgresStatistics { statistics.withLock { $0 } }

  /// Changes them.
  func count(_ change: (inout PostgresStatistics) -> Void) {
    statistics.withLock { change(&$0) }
  }
}
