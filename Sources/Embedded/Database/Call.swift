import KeyValueStore

/// A job with one result, whose caller is suspended.
///
/// `@unchecked Sendable`: made by the caller, which does not touch it again; handed over by the
/// queue under its lock; from then on only the one thread that took it runs and finishes it.
final class Call<Session, Result: Sendable>: Job, @unchecked Sendable {
  /// How a call ends: resumes its caller, wherever that runs.
  typealias Caller = CheckedContinuation<Swift.Result<Result, StoreError>, Never>

  let weight: Int
  private let body: (Session) throws(SQLiteFailure) -> Result
  private let caller: Caller
  private var result: Result?

  init(
    weight: Int, caller: Caller,
    body: @escaping @Sendable (Session) throws(SQLiteFailure) -> Result
  ) {
    self.weight = weight
    self.caller = caller
    self.body = body
  }

  func run(in session: Session) throws(SQLiteFailure) { result = try body(session) }

  func finish(_ failure: StoreError?) {
    if let failure {
      caller.resume(returning: .failure(failure))
    } else if let result {
      caller.resume(returning: .success(result))
    } else {
      preconditionFailure("A call is finished without failure before it has run")
    }
  }
}
