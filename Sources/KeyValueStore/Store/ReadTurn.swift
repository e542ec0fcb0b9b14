/// Why a waiting reader is woken: exactly one of both, exactly once.
enum ReadTurn: Sendable {
  /// Its look-up is done.
  case answered(Result<Lookup, StoreError>)
  /// It is the first of those that wait: it carries out the next look-up.
  case lead
}
