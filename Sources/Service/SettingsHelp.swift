/// The settings in `--help`, at most 79 columns wide: ArgumentParser wraps at 80.
package enum SettingsHelp {
  private static let columns = 79

  /// `lead`, which says what the program does; then its settings by topic, each with its default,
  /// its meaning and the allowed values.
  package static func text(lead: [String], settings: [SettingDescription]) -> String {
    var lines = lead
    for topic in SettingDescription.Topic.allCases
    where settings.contains(where: { $0.topic == topic }) {
      lines += ["", "\(topic.rawValue):"]
      for setting in settings where setting.topic == topic {
        let fallback = setting.fallback.isEmpty ? "" : "  (default: \(setting.fallback))"
        lines.append("  \(setting.name)\(fallback)")
        lines += wrapped(setting.meaning)
        lines += wrapped("Allowed: \(setting.allowed).")
        if setting.isSecret { lines += wrapped("May be in a file: \(setting.name)_FILE names it.") }
      }
    }
    return lines.joined(separator: "\n")
  }

  private static func wrapped(_ text: String) -> [String] {
    let indent = "      "
    var lines: [String] = []
    for word in text.split(separator: " ") {
      if let last = lines.last, last.count + 1 + word.count <= columns {
        lines[lines.count - 1] = last + " " + word
      } else {
        lines.append(indent + word)
      }
    }
    return lines
  }
}
