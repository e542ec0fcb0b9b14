/// Statements that were sent together, up to a sync: one implicit transaction, unless they say
/// otherwise, and one answer.
final class Exchange {
  /// What the server gives one result for.
  enum Command {
    /// A statement of this text is prepared.
    case prepare(String)
    /// A statement is carried out.
    case execute
  }

  let continuation: CheckedContinuation<Result<[ResultSet], ExchangeError>, Never>
  /// How long the server may take for it, once it is its turn.
  let duration: Duration
  /// Whether the server was asked to cancel it.
  var isCancelled = false
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

  /// Whether everything but the last statement is carried out, so that a commit may be under way.
  var isAtLast: Bool { answered >= commands.count - 1 }

  /// The text of what the next result tells to be prepared; nil: it is that of an execution.
  var prepared: String? {
    guard answered < commands.count, case .prepare(let text) = commands[answered] else {
      return nil
    }
    return text
  }

  /// The texts of what was to be prepared and was not.
  var unprepared: [String] {
    commands[answered...].compactMap { if case .prepare(let text) = $0 { text } else { nil } }
  }

  func append(_ result: ResultSet) {
    if prepared == nil { results.append(result) }
    answered += 1
  }

  /// Only the first failure counts: what follows was not looked at.
  func fail(_ error: ExchangeError) { failure = failure ?? error }

  /// Answers whoever waits. An error after the last result would be the connection's.
  func end() {
    if let failure { return continuation.resume(returning: .failure(failure)) }
    continuation.resume(returning: .success(results))
  }
}
