/// Takes settings from an environment and gathers what is wrong with them.
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

  /// The setting's value; its fallback where it is not set, or wrong.
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

  /// Whether something about a setting was found wrong already.
  package func hasProblem(with setting: SettingDescription) -> Bool {
    problems.contains { $0.name == setting.name }
  }

  /// Adds a problem that shows only in several settings together.
  package mutating func report(_ setting: SettingDescription, _ advice: String) {
    problems.append(SettingProblem(setting, value: given(setting.name), advice: advice))
  }

  /// A variable that is empty counts as not set: that is how compose files leave one out.
  private func given(_ name: String) -> String? {
    environment[name].flatMap { $0.isEmpty ? nil : $0 }
  }

  /// The text of a setting; that of a secret may be in a file, without the line feed at its end.
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

  /// Variables that look like settings and are none of `settings`; with the nearest name, as most
  /// are misspelt.
  package func warnings(knowing settings: [SettingDescription]) -> [String] {
    let known = settings.flatMap { $0.isSecret ? [$0.name, $0.name + "_FILE"] : [$0.name] }
    return environment.keys.filter { $0.hasPrefix("KV_") && !known.contains($0) }.sorted().map {
      let nearest = EditDistance.nearest(to: $0, among: known)
      return "there is no setting \($0)\(nearest.map { "; is \($0) meant?" } ?? "")"
    }
  }
}
