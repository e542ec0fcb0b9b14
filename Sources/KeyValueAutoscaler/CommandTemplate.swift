/// A command that sets the number of replicas, with placeholders in braces.
///
/// It is split into words before the placeholders are filled in, and no shell reads it: a value
/// can't leave its word.
struct CommandTemplate: Equatable, Sendable {
  enum Placeholder: String, CaseIterable {
    /// The service that is scaled.
    case service
    /// How many replicas the service shall have.
    case replicas
    /// The other service.
    case other
    /// How many replicas the other service has, for a command that sets the numbers of both.
    case otherReplicas = "other_replicas"
  }

  /// At least one.
  let words: [String]

  /// Splits a command at spaces; what stands in single or double quotes is one word.
  init(_ text: String) throws(CommandTemplateError) {
    words = try Self.split(text)
    guard !words.isEmpty else { throw .empty }
    for name in words.flatMap(Self.placeholders) where Placeholder(rawValue: name) == nil {
      throw .unknownPlaceholder(name)
    }
    for needed in [Placeholder.service, .replicas] where !contains(needed) {
      throw .missingPlaceholder(needed.rawValue)
    }
  }

  func contains(_ placeholder: Placeholder) -> Bool {
    words.contains { $0.contains("{\(placeholder.rawValue)}") }
  }

  /// The words with everything filled in.
  func filled(_ values: [Placeholder: String]) -> [String] {
    words.map { word in
      // One pass: braces in a value are not replaced.
      word.replacing(/\{([a-z_]+)\}/) { match in
        Placeholder(rawValue: String(match.1)).flatMap { values[$0] } ?? String(match.0)
      }
    }
  }

  private static func placeholders(in word: String) -> [String] {
    word.matches(of: /\{([a-z_]+)\}/).map { String($0.1) }
  }

  private static func split(_ text: String) throws(CommandTemplateError) -> [String] {
    var words: [String] = []
    var word: String?
    var quote: Character?
    for character in text {
      if let open = quote {
        if character == open { quote = nil } else { word?.append(character) }
      } else if character == "\"" || character == "'" {
        quote = character
        word = word ?? ""
      } else if character.isWhitespace {
        if let done = word { words.append(done) }
        word = nil
      } else {
        word = (word ?? "") + String(character)
      }
    }
    guard quote == nil else { throw .openQuote }
    if let done = word { words.append(done) }
    return words
  }
}

/// What is wrong with a command template.
enum CommandTemplateError: Error, Equatable, CustomStringConvertible {
  case empty
  case openQuote
  case unknownPlaceholder(String)
  case missingPlaceholder(String)

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

/// Commands for the places where the system usually runs.
enum CommandPreset: String, CaseIterable, Sendable {
  case compose, swarm, kubectl, cluster

  var text: String {
    switch self {
    // `up` would reset the other service to the number in the file, so its present number is given
    // as well. The options keep it from touching dependencies and running containers.
    case .compose:
      "docker compose up -d --no-deps --no-recreate --no-build --scale {service}={replicas} "
        + "--scale {other}={other_replicas} {service} {other}"
    case .swarm: "docker service scale --detach {service}={replicas}"
    case .kubectl: "kubectl scale deployment/{service} --replicas={replicas}"
    case .cluster: "scripts/cluster scale {service} {replicas}"
    }
  }
}

/// Sets the number of a service's replicas by a command.
struct Commander: Sendable {
  let template: CommandTemplate
  let runner: CommandRunner

  /// The name of a service and the number of its replicas; nil: not known.
  typealias Wish = (name: String, replicas: Int?)

  /// Sets the number of `service`; the number of `other` shall stay as it is.
  func set(_ service: Wish, keeping other: Wish) async -> CommandOutcome {
    guard let replicas = service.replicas else { return .notStarted("no number is known") }
    var values: [CommandTemplate.Placeholder: String] = [
      .service: service.name, .replicas: "\(replicas)", .other: other.name,
    ]
    if template.contains(.otherReplicas) {
      guard let count = other.replicas else {
        return .notStarted("the command wants the number of \(other.name) too: it is not known")
      }
      values[.otherReplicas] = "\(count)"
    }
    return await runner.run(template.filled(values))
  }
}
