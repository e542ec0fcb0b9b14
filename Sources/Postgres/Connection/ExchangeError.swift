/// Why an exchange with the server did not go well.
enum ExchangeError: Error {
  /// Nothing reached the server: there is no connection, or none has room.
  case notSent(String)
  /// Nothing reached the server: the connection had ended since it was lent. Another one may do.
  case closed(String)
  /// The connection broke, or the server took too long, after something was sent.
  case lost(String)
  /// The server refused a statement, and undid those around it.
  case refused(state: SQLState, message: String)

  /// For operators.
  var cause: String {
    switch self {
    case .notSent(let cause), .closed(let cause), .lost(let cause): cause
    case .refused(let state, let message): "\(message) (\(state.code))"
    }
  }
}

/// A five-character error code of the server (PostgreSQL, appendix A).
struct SQLState: Equatable {
  let code: String

  /// Another transaction was in the way: this one was undone and can be tried again.
  var isConflict: Bool { ["40001", "40P01", "55P03"].contains(code) || isStalePlan }

  /// A prepared statement is gone, or does not fit the tables any more; nothing was carried out.
  private var isStalePlan: Bool { code == "26000" || code == "0A000" }

  /// Nobody knows whether the commit took place.
  var isUnknownOutcome: Bool { code == "40003" || code == "08007" }

  /// The data itself is at fault: data exceptions, constraints, cardinality, program limits.
  var isRejection: Bool { ["21", "22", "23", "54"].contains(code.prefix(2)) }

  /// The server is going away, starting, read-only or lacks something: another may do better.
  var endsConnection: Bool {
    ["57", "08", "53"].contains(code.prefix(2)) || code == "25006" || isStalePlan
  }
}
