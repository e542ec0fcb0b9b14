/// Statements that were sent together, up to a sync: one implicit transaction, unless they say
/// otherwise, and one answer.
final class Exchange {
  let statements: Int
  let continuation: CheckedContinuation<Result<[ResultSet], ExchangeError>, Never>
  let deadline: ContinuousClock.Instant
  private(set) var results: [ResultSet] = []
  private(set) var failure: ExchangeError?

  init(
    statements: Int, deadline: ContinuousClock.Instant,
    continuation: CheckedContinuation<Result<[ResultSet], ExchangeError>, Never>
  ) {
    self.statements = statements
    self.deadline = deadline
    self.continuation = continuation
  }

  func append(_ result: ResultSet) { results.append(result) }

  /// Only the first failure counts: what follows was not looked at.
  func fail(_ error: ExchangeError) { failure = failure ?? error }

  /// Answers whoever waits. An error after the last result would be the connection's.
  func end() {
    if let failure { return continuation.resume(returning: .failure(failure)) }
    continuation.resume(returning: .success(results))
  }
}
