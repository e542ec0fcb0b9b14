/// Takes settings from an environment and gathers what is wrong with them.
struct SettingsReader {
  /// Reads the file of a secret; nil if it can't be read.
  typealias FileReader = (String) -> String?

  private let environment: [String: String]
  private let readFile: FileReader
  private(set) var problems: [SettingProblem] = []

  init(_ environment: [String: String], readFile: @escaping FileReader) {
    self.environment = environment
    self.readFile = readFile
  }

  /// The setting's value; its fallback where it is not set, or wrong.
  mutating func value<Value>(of setting: Setting<Value>) -> Value {
    guard let text = text(of: setting.description) else { return setting.fallback }
    if let value = setting.parse(text) { return value }
    report(setting.description, "allowed is \(setting.description.allowed)")
    return setting.fallback
  }

  /// The cluster's settings are refused.
  mutating func refuse(_ setting: SettingDescription) {
    let names = setting.isSecret ? [setting.name, setting.name + "_FILE"] : [setting.name]
    guard names.contains(where: { given($0) != nil }) else { return }
    report(setting, "this build has only the embedded store, without a cluster: unset it")
  }

  /// Adds a problem that shows only in several settings together.
  mutating func report(_ setting: SettingDescription, _ advice: String) {
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

  /// Variables that look like settings and are none; with the nearest name, as most are misspelt.
  var warnings: [String] {
    let known = Settings.all.flatMap { $0.isSecret ? [$0.name, $0.name + "_FILE"] : [$0.name] }
    return environment.keys.filter { $0.hasPrefix("KV_") && !known.contains($0) }.sorted().map {
      let nearest = EditDistance.nearest(to: $0, among: known)
      return "there is no setting \($0)\(nearest.map { "; is \($0) meant?" } ?? "")"
    }
  }
}
