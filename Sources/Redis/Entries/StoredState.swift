internal import KeyValueStore

/// What Redis says of a key.
enum StoredState: Equatable {
  /// What the key holds.
  case known(Lookup)
  /// Nothing, and nobody is about to fill it. In the answer to a wish for a lease: no lease.
  case vacant
  /// The lease that was asked for.
  case leased
  /// Nothing for this reader: somebody else fills it, or it can't be read.
  case unavailable
  /// No answer: the connection is gone.
  case failed
}
