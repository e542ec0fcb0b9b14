/// Why an exchange with the server did not go well.
enum ExchangeError: Error {
  /// Nothing reached the server: there is no connection, or none has room.
  case notSent(String)
  /// Nothing reached the server: the connection had ended since it was lent. Another one may do.
  case closed(String)
  /// The connection broke, or the server hung, after something was sent.
  case lost(String)
  /// The server refused a statement, and undid those before it unless they had committed. `isLast`:
  /// it was the last one sent, so that a commit may have been under way.
  case refused(state: SQLState, message: String, isLast: Bool)
  /// It took too long and was cancelled. `isLast`: as above.
  case overran(isLast: Bool)

  /// For operators.
  var cause: String {
    switch self {
    case .notSent(let cause), .closed(let cause), .lost(let cause): cause
    case .refused(let state, let message, _): "\(message) (\(state.code))"
    case .overran: "it took too long and was cancelled"
    }
  }

  /// Whether it was cancelled because it took too long.
  var isOverrun: Bool { if case .overran = self { true } else { false } }

  /// Whether it waited for a row that another transaction holds.
  var isLockTimeout: Bool {
    if case .refused(let state, _, _) = self { state.code == "55P03" } else { false }
  }

  /// Whether nothing was written and another attempt may well succeed. `inTransaction`: what was
  /// read under lock may be outdated, which shows as a row that has come meanwhile.
  func isConflict(inTransaction: Bool) -> Bool {
    switch self {
    case .closed: true
    case .refused(let state, _, _):
      state.isConflict || inTransaction && state.code == "23505"
    case .notSent, .lost, .overran: false
    }
  }

  /// Whether nobody knows if the statement that commits has done so.
  var leavesOutcomeUnknown: Bool {
    switch self {
    case .lost: true
    case .refused(let state, _, let isLast):
      state.isUnknownOutcome || isLast && state.isInterruption
    case .overran(let isLast): isLast
    case .notSent, .closed: false
    }
  }

  /// Whether a read that ended so is worth another attempt.
  var isWorthReadingAgain: Bool {
    switch self {
    case .closed, .lost: true
    case .refused(let state, _, _):
      state.isConflict || state.endsConnection || state.isInterruption
    case .notSent, .overran: false
    }
  }
}

/// A five-character error code of the server (PostgreSQL, appendix A).
struct SQLState: Equatable {
  let code: String
  /// A prepared statement does not fit the tables any more. The server has the same code for what
  /// it does not support at all.
  private let isOutdatedPlan: Bool

  init(code: String, message: String) {
    self.code = code
    isOutdatedPlan = code == "0A000" && message.contains("cached plan")
  }

  private var group: Substring { code.prefix(2) }

  /// Another transaction was in the way: this one was undone and can be tried again. CockroachDB
  /// has no code (XXUUU) for what fails within it, such as a range that moves for too long.
  var isConflict: Bool { ["40001", "40P01", "55P03", "XXUUU"].contains(code) || isStalePlan }

  /// A prepared statement is gone, or does not fit any more; nothing was carried out.
  private var isStalePlan: Bool { code == "26000" || isOutdatedPlan }

  /// The server itself does not know whether the commit took place.
  var isUnknownOutcome: Bool { code == "40003" || code == "08007" }

  /// The statement was broken off: cancelled, or the server or its session is ending.
  var isInterruption: Bool { code == "57014" || group == "57" || group == "08" }

  /// Trying again can't help. The data is at fault (data exceptions, constraints, cardinality,
  /// program limits), or the statement is: the server does not know it or may not carry it out.
  var isRejection: Bool {
    ["21", "22", "23", "42", "54"].contains(group) || isStatementsFault
  }

  /// The statement is at fault, and so this program.
  var isStatementsFault: Bool { group == "42" || group == "0A" && !isOutdatedPlan }

  /// The server is read-only (25006), or lacks the room to write (53100).
  var takesNoWrites: Bool { code == "25006" || code == "53100" }

  /// The server is going away, starting, read-only or lacks something: another may do better.
  var endsConnection: Bool {
    ["08", "53"].contains(group) || group == "57" && code != "57014" || code == "25006"
      || isStalePlan
  }
}
