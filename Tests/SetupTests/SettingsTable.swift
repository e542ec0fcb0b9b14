import Service

/// The settings of all programs as a table of Markdown, made from their own catalogues.
enum SettingsTable {
  /// A program, and what it reads from the environment.
  struct Program {
    let name: String
    let settings: [SettingDescription]
  }

  /// One line for each setting; two programs that mean different things by a name have one each.
  static func markdown(_ programs: [Program]) -> String {
    var lines = [
      "| variable | read by | default | allowed | what it does |",
      "| --- | --- | --- | --- | --- |",
    ]
    for topic in SettingDescription.Topic.allCases {
      let rows = rows(of: programs, about: topic)
      if !rows.isEmpty { lines.append("| **\(topic.rawValue)** | | | | |") }
      lines += rows.map { line($0.setting, readBy: $0.programs) }
    }
    return lines.joined(separator: "\n")
  }

  private typealias Row = (setting: SettingDescription, programs: [String])

  private static func rows(
    of programs: [Program], about topic: SettingDescription.Topic
  ) -> [Row] {
    var rows: [Row] = []
    for program in programs {
      for setting in program.settings where setting.topic == topic {
        if let known = rows.firstIndex(where: { isSame($0.setting, setting) }) {
          rows[known].programs.append(program.name)
        } else {
          // Beside what bears the same name, so that nobody reads only one of them.
          let place = rows.lastIndex { $0.setting.name == setting.name }.map { $0 + 1 }
          rows.insert((setting, [program.name]), at: place ?? rows.endIndex)
        }
      }
    }
    return rows
  }

  private static func isSame(_ one: SettingDescription, _ other: SettingDescription) -> Bool {
    (one.name, one.fallback, one.allowed, one.meaning)
      == (other.name, other.fallback, other.allowed, other.meaning)
  }

  private static func line(_ setting: SettingDescription, readBy programs: [String]) -> String {
    let file = setting.isSecret ? "<br>or a file: `\(setting.name)_FILE`" : ""
    let cells = [
      "`\(setting.name)`\(file)", programs.joined(separator: ", "), escaped(setting.fallback),
      escaped(setting.allowed), escaped(setting.meaning),
    ]
    return "| \(cells.joined(separator: " | ")) |"
  }

  /// In a cell, a bar would end it and a star or a bracket could mean something.
  private static func escaped(_ text: String) -> String {
    String(text.flatMap { "|*<>_`\\".contains($0) ? "\\\($0)" : "\($0)" })
  }
}
