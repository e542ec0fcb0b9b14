/// Why a transaction was not committed.
struct TransactionFailure: Error {
  /// What SQLite reported.
  let failure: SQLiteFailure
  /// Whether the log may hold the whole transaction nevertheless; see `Writer`.
  let mayHaveHappened: Bool

  init(_ failure: SQLiteFailure, mayHaveHappened: Bool = false) {
    self.failure = failure
    self.mayHaveHappened = mayHaveHappened
  }
}
