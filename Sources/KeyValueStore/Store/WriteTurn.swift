/// Why a waiting writer is woken: exactly one of both, exactly once.
enum WriteTurn: Sendable {
  /// Its batch is done.
  case answered(WriteResult)
  /// It is the first of those that wait: it carries out the next batch.
  case lead
}
