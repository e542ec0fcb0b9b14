/// What a token allows.
enum Scope: String, CaseIterable, Sendable {
  /// Reading keys, lists and operations.
  case read
  /// Writing and deleting keys.
  case write
  /// Metrics and statistics of the server.
  case admin
}
