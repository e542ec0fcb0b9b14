/// Statements that are sent together, up to a sync: one implicit transaction, unless they say
/// otherwise, and one answer.
final class Exchange {
  /// The server answers each with one result.
  enum Command {
    /// Prepares a statement of this text.
    case prepare(String)
    /// Executes a statement.
    case execute
  }

  /// How long the server may take, once the exchanges before this one are answered.
  let duration: Duration
  /// Whether the server was asked to cancel it.
  var isCancelled = false
  private let continuation: CheckedContinuation<Result<[ResultSet], ExchangeError>, Never>
  private let commands: [Command]
  private var answered = 0
  private var results: [ResultSet] = []
  private var failure: ExchangeError?

  init(
    _ commands: [Command], duration: Duration,
    continuation: CheckedContinuation<Result<[ResultSet], ExchangeError>, Never>
  ) {
    self.commands = commands
    self.duration = duration
    self.continuation = continuation
  }

  /// Whether all statements but the last are executed, so that a commit may be under way.
  var isAtLast: Bool { answered >= commands.count - 1 }

  /// The text of the statement that the next result reports as prepared; nil: the next result is
  /// that of an execution.
  var prepared: String? {
    guard answered < commands.count, case .prepare(let text) = commands[answered] else {
      return nil
    }
    return text
  }

  /// The texts of the statements that should have been prepared and were not.
  var unprepared: [String] {
    commands[answered...].compactMap { if case .prepare(let text) = $0 { text } else { nil } }
  }

  func append(_ result: ResultSet) {
    if prepared == nil { results.append(result) }
    answered += 1
  }

  /// Only the first failure counts: the server skips the statements behind it.
  func fail(_ error: ExchangeError) { failure = failure ?? error }

  /// Answers the caller. An error after the last result would be the connection's.
  func end() {
    if let failure { return continuation.resume(returning: .failure(failure)) }
    continuation.resume(returning: .success(results))
  }
}

/// Why an exchange with the server failed.
enum ExchangeError: Error {
  /// Nothing reached the server: there is no connection, or none has room.
  case notSent(String)
  /// Nothing reached the server: the connection had ended since it was lent. Another one may work.
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

  /// Whether it waited too long for a row that another transaction holds.
  var isLockTimeout: Bool {
    if case .refused(let state, _, _) = self { state.code == "55P03" } else { false }
  }

  /// Whether nothing was written and another attempt may well succeed. `inTransaction`: what was
  /// read under lock may be outdated, which shows as a row that another transaction has added.
  func isConflict(inTransaction: Bool) -> Bool {
    switch self {
    case .closed: true
    case .refused(let state, _, _):
      state.isConflict || inTransaction && state.code == "23505"
    case .notSent, .lost, .overran: false
    }
  }

  /// Whether it is unknown if the statement that commits has done so.
  var leavesOutcomeUnknown: Bool {
    switch self {
    case .lost: true
    case .refused(let state, _, let isLast):
      state.isUnknownOutcome || isLast && state.isInterruption
    case .overran(let isLast): isLast
    case .notSent, .closed: false
    }
  }

  /// Whether a read that failed with this error is worth another attempt.
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
struct SQLState {
  let code: String
  /// A prepared statement no longer fits the tables. The server uses the same code for what it does
  /// not support at all.
  private let isOutdatedPlan: Bool

  init(code: String, message: String) {
    self.code = code
    isOutdatedPlan = code == "0A000" && message.contains("cached plan")
  }

  private var group: Substring { code.prefix(2) }

  /// The transaction conflicted with another one: it was undone and can be tried again. CockroachDB
  /// has no code (XXUUU) for internal failures, such as a range that moves for too long.
  var isConflict: Bool { ["40001", "40P01", "55P03", "XXUUU"].contains(code) || isStalePlan }

  /// A prepared statement is gone or no longer fits; nothing was executed.
  private var isStalePlan: Bool { code == "26000" || isOutdatedPlan }

  /// The server itself does not know whether the commit took place.
  var isUnknownOutcome: Bool { code == "40003" || code == "08007" }

  /// The statement was interrupted: it was cancelled, or the server or its session is ending.
  var isInterruption: Bool { code == "57014" || group == "57" || group == "08" }

  /// Another attempt can't help. The data is at fault (data exceptions, constraints, cardinality,
  /// program limits), or the statement is: the server does not know it or does not permit it.
  var isRejection: Bool {
    ["21", "22", "23", "42", "54"].contains(group) || isStatementsFault
  }

  /// The statement is at fault, and so this program.
  var isStatementsFault: Bool { group == "42" || group == "0A" && !isOutdatedPlan }

  /// The server is read-only (25006), or has no room to write (53100).
  var takesNoWrites: Bool { code == "25006" || code == "53100" }

  /// The server is stopping, starting, read-only or out of a resource: another one may do better.
  var endsConnection: Bool {
    ["08", "53"].contains(group) || group == "57" && code != "57014" || code == "25006"
      || isStalePlan
  }
}

extension String {
  /// The first line of a message of libpq, which may have several; the first one says most.
  init(firstLineOf message: UnsafePointer<CChar>?) {
    let text = message.map { String(cString: $0) } ?? ""
    self = text.split(whereSeparator: \.isNewline).first.map { String($0) } ?? "no reason was given"
  }
}
