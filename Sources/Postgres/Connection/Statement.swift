/// A statement to be sent: its text, and its parameters in binary.
///
/// Never prepared by name: a pooler gives every transaction another connection, and a name would
/// outlive the one that it was made on. Batching makes up for parsing: it is paid once for all the
/// rows of a batch.
struct Statement {
  let text: String
  var parameters: Parameters

  init(_ text: String, _ parameters: Parameters = Parameters()) {
    self.text = text
    self.parameters = parameters
  }
}
