/// The settings as `--help` lists them, at most 79 columns wide: ArgumentParser wraps at 80.
enum SettingsHelp {
  private static let columns = 79

  /// By topic; each setting with its default, what it does and what is allowed.
  static let text: String = {
    var lines = [
      "Serves keys over HTTP from a database in its data folder. Settings are",
      "environment variables; an empty one counts as not set. Every setting that is",
      "wrong is named at the start.",
    ]
    for topic in SettingDescription.Topic.allCases {
      lines += ["", "\(topic.rawValue):"]
      for setting in Settings.all where setting.topic == topic {
        let fallback = setting.fallback.isEmpty ? "" : "  (default: \(setting.fallback))"
        lines.append("  \(setting.name)\(fallback)")
        lines += wrapped(setting.meaning)
        if topic != .cluster { lines += wrapped("Allowed: \(setting.allowed).") }
        if setting.isSecret, topic != .cluster {
          lines += wrapped("May be in a file: \(setting.name)_FILE names it.")
        }
      }
    }
    return lines.joined(separator: "\n")
  }()

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
