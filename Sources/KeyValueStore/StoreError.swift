/// Why the store could not answer. What a client did wrong is an outcome, not an error.
public enum StoreError: Error, Equatable {
  /// A backing service is away or failing, and nothing was written. Worth another try in
  /// `retryAfter` seconds.
  case unavailable(cause: String, retryAfter: Int)
  /// The database took too long for it and has cancelled it; nothing was written. Less at a time
  /// may do.
  case tooSlow(cause: String)
  /// A queue is full; nothing was started. Worth another try in `retryAfter` seconds.
  case overloaded(retryAfter: Int)
  /// The write may or may not have been committed; if it was, then as `commit`. Nil: that has no
  /// name, or none is known.
  case outcomeUnknown(cause: String, commit: OutboxID? = nil)
  /// A request with the same idempotency key is being carried out.
  case idempotencyInFlight
  /// The database will never carry this out; nothing was written. Trying again can't help: one of
  /// the two has a fault.
  case rejected(cause: String)

  /// What went wrong, for operators; it may name hosts, but never keys or values.
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
