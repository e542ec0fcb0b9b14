/// What is wrong with a command template, for whoever wrote it.
enum CommandTemplateError: Error, Equatable, CustomStringConvertible {
  case empty
  case openQuote
  case unknownPlaceholder(String)
  case missingPlaceholder(String)

  /// What to change.
  var description: String {
    switch self {
    case .empty: "it names no program"
    case .openQuote: "a quotation mark is not closed"
    case .unknownPlaceholder(let name):
      "there is no {\(name)}: {service}, {replicas}, {other} and {other_replicas} can be used"
    case .missingPlaceholder(let name): "it has to contain {\(name)}"
    }
  }
}
