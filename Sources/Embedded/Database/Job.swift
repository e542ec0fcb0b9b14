import KeyValueStore

/// A call that waits for a thread: what to do there, and who to tell.
protocol Job<Session>: AnyObject, Sendable {
  associatedtype Session

  /// What the call weighs in its queue, in bytes.
  var weight: Int { get }
  /// Does the work, and keeps the result until it may be told. On the thread that owns `session`.
  func run(in session: Session) throws(SQLiteFailure)
  /// Tells the caller: the result of `run`, or why it counts for nothing. Once.
  func finish(_ failure: StoreError?)
}
