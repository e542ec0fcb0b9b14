/// A statement to be sent: its text, and its parameters in binary.
///
/// What comes again and again has a constant text, and is prepared: see `PreparedStatements`.
struct Statement {
  private(set) var text: String
  var parameters: Parameters

  /// What tells the time.
  static let clock = "clock_timestamp()"

  init(_ text: String, _ parameters: Parameters = Parameters()) {
    self.text = text
    self.parameters = parameters
  }

  /// The same with another clock.
  func reading(_ clock: String) -> Statement {
    if clock == Statement.clock { return self }
    var statement = self
    statement.text.replace(Statement.clock, with: clock)
    return statement
  }
}
