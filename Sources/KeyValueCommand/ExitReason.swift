internal import KeyValueClient

/// Why the program ends, as its exit code: scripts depend on these numbers.
enum ExitReason: Int32, CaseIterable {
  case failure = 1
  case usage = 2
  case notFound = 3
  case conditionFailed = 4
  case unavailable = 5
  case notAllowed = 6
  case outcomeUnknown = 7
  case positionGone = 8
  case lockLost = 9

  /// What it means, for the help.
  var meaning: String {
    switch self {
    case .failure: "something else failed: the message says what"
    case .usage: "the command line, a setting or the request is wrong"
    case .notFound: "there is no such key or operation"
    case .conditionFailed: "a condition does not hold: changed meanwhile, exists, lock held"
    case .unavailable: "no server could do it now, and nothing was changed: try again later"
    case .notAllowed: "the token is missing, wrong, or does not allow this"
    case .outcomeUnknown: "a write may have taken effect: no answer said so"
    case .positionGone: "`watch`: the position to begin at is no longer kept"
    case .lockLost: "`lock`: the lock was lost before the command had ended"
    }
  }

  /// The table for the help.
  static var help: String {
    let rows = allCases.map { "  \($0.rawValue)  \($0.meaning)" }
    return (["  0  it was done"] + rows).joined(separator: "\n")
  }

  static func of(_ error: ClientError) -> ExitReason {
    switch error {
    case .refused(let problem): of(status: problem.status, problem: problem.name)
    case .unavailable: .unavailable
    case .outcomeUnknown: .outcomeUnknown
    case .insecure, .malformed: .failure
    }
  }

  /// The reason that a status stands for, of an answer or of an operation in a batch.
  static func of(status: Int, problem: String? = nil) -> ExitReason {
    switch status {
    case 400, 405, 411, 413, 414, 415, 417, 422, 431: .usage
    case 401, 403: .notAllowed
    case 404: .notFound
    case 410: .positionGone
    case 412: .conditionFailed
    case 503 where problem == "outcome-unknown": .outcomeUnknown
    case 408, 429, 502, 503, 504: .unavailable
    default: .failure
    }
  }
}

/// The end of the program with a message.
struct Failure: Error {
  let reason: ExitReason
  let message: String

  init(_ reason: ExitReason, _ message: String) {
    self.reason = reason
    self.message = message
  }
}
