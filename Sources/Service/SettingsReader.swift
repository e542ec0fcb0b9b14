/// Reads settings from an environment and collects what is wrong with them.
package struct SettingsReader {
  /// Reads the file of a secret; nil if it can't be read.
  package typealias FileReader = (String) -> String?

  private let environment: [String: String]
  private let readFile: FileReader
  package private(set) var problems: [SettingProblem] = []

  package init(_ environment: [String: String], readFile: @escaping FileReader) {
    self.environment = environment
    self.readFile = readFile
  }

  /// The setting's value; its fallback if it is not set or wrong.
  package mutating func value<Value>(of setting: Setting<Value>) -> Value {
    guard let text = text(of: setting.description) else { return setting.fallback }
    if let value = setting.parse(text) { return value }
    report(setting.description, "allowed is \(setting.description.allowed)")
    return setting.fallback
  }

  /// Whether the operator has set it, directly or by a file.
  package func isGiven(_ setting: SettingDescription) -> Bool {
    given(setting.name) != nil || (setting.isSecret && given(setting.name + "_FILE") != nil)
  }

  package func hasProblem(with setting: SettingDescription) -> Bool {
    problems.contains { $0.name == setting.name }
  }

  /// Adds a problem that the parser of the setting alone does not find.
  package mutating func report(_ setting: SettingDescription, _ advice: String) {
    problems.append(SettingProblem(setting, value: given(setting.name), advice: advice))
  }

  /// An empty variable counts as not set: compose files can't leave a variable out otherwise.
  private func given(_ name: String) -> String? {
    environment[name].flatMap { $0.isEmpty ? nil : $0 }
  }

  /// The text of a setting. That of a secret may be in a file; a line feed at its end is removed.
  private mutating func text(of setting: SettingDescription) -> String? {
    let direct = given(setting.name)
    guard setting.isSecret, let path = given(setting.name + "_FILE") else { return direct }
    guard direct == nil else {
      report(setting, "\(setting.name)_FILE is set too: unset one of them")
      return nil
    }
    guard var text = readFile(path) else {
      report(setting, "the file named by \(setting.name)_FILE can't be read")
      return nil
    }
    if text.last?.isNewline == true { text.removeLast() }
    return text
  }

  /// Warnings of variables that look like settings but are not among `settings`. Most are misspelt,
  /// so each names the setting with the most similar name.
  package func warnings(knowing settings: [SettingDescription]) -> [String] {
    let known = settings.flatMap { $0.isSecret ? [$0.name, $0.name + "_FILE"] : [$0.name] }
    // Those of the command line. KV_TOKEN_FILE is not among them: KV_TOKENS_FILE may be meant.
    let others = ["KV_URL", "KV_TOKEN", "KV_CA_FILE"]
    return environment.keys.filter {
      $0.hasPrefix("KV_") && !known.contains($0) && !others.contains($0)
    }.sorted().map {
      let nearest = EditDistance.nearest(to: $0, among: known)
      return "there is no setting \($0)\(nearest.map { "; is \($0) meant?" } ?? "")"
    }
  }
}

/// What is wrong with one setting, and what to change.
package struct SettingProblem: Equatable, Sendable, CustomStringConvertible {
  package let name: String
  /// The value that was set, as it can be printed; nil: none, or a secret.
  package let value: String?
  package let advice: String

  /// Does not keep the value of a secret.
  package init(_ setting: SettingDescription, value: String?, advice: String) {
    name = setting.name
    self.value = setting.isSecret ? nil : value.map(Self.printable)
    self.advice = advice
  }

  /// `KV_LOOPS="0": allowed is 1 to 256`
  package var description: String { "\(name)\(value.map { "=\($0)" } ?? ""): \(advice)" }

  /// In quotes, with control characters escaped, at most 80 characters.
  private static func printable(_ value: String) -> String {
    String(value.prefix(80)).debugDescription + (value.count > 80 ? "…" : "")
  }
}

/// All settings that are wrong, so that one attempt to start shows every one.
package struct ConfigurationError: Error, Equatable, CustomStringConvertible {
  /// At least one, in the order of `--help`.
  package let problems: [SettingProblem]
  /// The program, for the hint at `--help`.
  package let program: String

  package init(_ problems: [SettingProblem], of program: String) {
    self.problems = problems
    self.program = program
  }

  /// One line for each problem.
  package var description: String {
    let heading =
      problems.count == 1 ? "A setting is wrong:" : "\(problems.count) settings are wrong:"
    let hint = "See \(program) --help for all settings."
    return ([heading] + problems.map { "  \($0)" } + [hint]).joined(separator: "\n")
  }
}

/// The distance between two names: letters to add, remove or change (Levenshtein).
enum EditDistance {
  /// The nearest candidate, unless even that differs in more than two letters and a third of the
  /// name.
  static func nearest(to name: String, among candidates: [String]) -> String? {
    let distances = candidates.map { (candidate: $0, distance: between(name, $0)) }
    guard let best = distances.min(by: { $0.distance < $1.distance }) else { return nil }
    return best.distance <= max(2, name.count / 3) ? best.candidate : nil
  }

  static func between(_ left: String, _ right: String) -> Int {
    let right = Array(right.utf8)
    var row = Array(0...right.count)
    for (index, byte) in left.utf8.enumerated() {
      var diagonal = row[0]
      row[0] = index + 1
      for column in right.indices {
        let changed = diagonal + (byte == right[column] ? 0 : 1)
        diagonal = row[column + 1]
        row[column + 1] = min(changed, diagonal + 1, row[column] + 1)
      }
    }
    return row[right.count]
  }
}
