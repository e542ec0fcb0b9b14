/// A statement to be sent: its text, and its parameters in binary.
///
/// What comes again and again has a constant text, and is prepared: see `PreparedStatements`.
struct Statement {
  let text: String
  var parameters: Parameters

  init(_ text: String, _ parameters: Parameters = Parameters()) {
    self.text = text
    self.parameters = parameters
  }
}
