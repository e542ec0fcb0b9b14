internal import Synchronization

/// Which of the databases that speak PostgreSQL's protocol the server is. Any thread may ask.
final class DatabaseProduct: Sendable {
  private let isCockroach = Atomic<Bool>(false)

  /// Takes the answer to `SELECT version()`.
  /// - Returns: whether it is CockroachDB's.
  func hear(version: String) -> Bool {
    let isCockroach = version.hasPrefix("CockroachDB")
    self.isCockroach.store(isCockroach, ordering: .relaxed)
    return isCockroach
  }

  /// OpenTelemetry's name; PostgreSQL's until a server has answered.
  var name: String { isCockroach.load(ordering: .relaxed) ? "cockroachdb" : "postgresql" }
}
