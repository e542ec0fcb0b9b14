/// How a command ended.
enum CommandOutcome: Equatable, Sendable {
  case succeeded
  /// It ended with another exit code than 0, or by a signal; `errors` is the end of what it wrote
  /// to its standard error.
  case failed(String, errors: String)
  /// It took too long and was ended.
  case timedOut(errors: String)
  /// There is no such program, or it can't be started.
  case notStarted(String)
  /// This process is leaving, and has ended it.
  case cancelled

  /// The value of the label `result`.
  enum Label: String, CaseIterable {
    case succeeded, failed, cancelled
    case timedOut = "timed_out"
    case notStarted = "not_started"
  }

  var label: Label {
    switch self {
    case .succeeded: .succeeded
    case .failed: .failed
    case .timedOut: .timedOut
    case .notStarted: .notStarted
    case .cancelled: .cancelled
    }
  }
}
