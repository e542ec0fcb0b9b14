/// Why the store could not answer. A client's own mistake is an outcome, not an error.
public enum StoreError: Error, Equatable {
  /// A backing service is away or failing, and nothing was written. The client may try again in
  /// `retryAfter` seconds.
  case unavailable(cause: String, retryAfter: Int)
  /// The database took too long and cancelled the work; nothing was written. Less at a time may
  /// succeed.
  case tooSlow(cause: String)
  /// A queue is full; nothing was started. The client may try again in `retryAfter` seconds.
  case overloaded(retryAfter: Int)
  /// The write may or may not have been committed; if it was, then as `commit`. Nil: the commit has
  /// no name, or it is not known.
  case outcomeUnknown(cause: String, commit: OutboxID? = nil)
  /// A request with the same idempotency key is in flight.
  case idempotencyInFlight
  /// The database will never accept this; nothing was written. It does not help to try again: this
  /// program or the database has a fault.
  case rejected(cause: String)

  /// What went wrong, for operators. It may name hosts, but never keys or values.
  public var cause: String {
    switch self {
    case .unavailable(let cause, _), .outcomeUnknown(let cause, _), .rejected(let cause),
      .tooSlow(let cause):
      cause
    case .overloaded: "too much work is waiting"
    case .idempotencyInFlight: "a request with the same idempotency key is being carried out"
    }
  }
}
