import Foundation
import Service
import Testing

@testable import KeyValueAPI
@testable import KeyValueAutoscaler
@testable import KeyValueWorker

/// SETUP.md describes every setting as the programs do.
@Suite("The table of settings in SETUP.md")
struct SetupTests {
  private static let programs = [
    SettingsTable.Program(name: "kv-api", settings: KeyValueAPI.Settings.all),
    SettingsTable.Program(name: "kv-worker", settings: KeyValueWorker.Settings.all),
    SettingsTable.Program(name: "kv-autoscaler", settings: KeyValueAutoscaler.Settings.all),
  ]

  private static let document = URL(filePath: #filePath)
    .appending(path: "../../../SETUP.md").standardizedFileURL
  private static let start = "<!-- settings: scripts/settings writes what follows -->\n"
  private static let end = "\n<!-- settings: end -->"

  /// With KV_WRITE_SETTINGS, which `scripts/settings` sets, it writes the table instead.
  @Test("It is what the catalogues of the programs say")
  func table() throws {
    let text = try String(contentsOf: Self.document, encoding: .utf8)
    let first = try #require(text.range(of: Self.start), "SETUP.md has lost its marker")
    let last = try #require(
      text.range(of: Self.end, range: first.upperBound..<text.endIndex),
      "SETUP.md has lost its second marker")
    let expected = SettingsTable.markdown(Self.programs)
    if ProcessInfo.processInfo.environment["KV_WRITE_SETTINGS"] != nil {
      let changed = text[..<first.upperBound] + expected + text[last.lowerBound...]
      try String(changed).write(to: Self.document, atomically: true, encoding: .utf8)
      return
    }
    #expect(
      text[first.upperBound..<last.lowerBound] == expected,
      "the settings have changed: run scripts/settings, which writes the table anew")
  }

  @Test("A setting that programs share has one line, one that they mean differently has two")
  func rows() {
    func setting(_ name: String, _ fallback: String, isSecret: Bool = false) -> SettingDescription {
      SettingDescription(
        name: name, topic: .cluster, fallback: fallback, allowed: "a|b", meaning: "It does.",
        isSecret: isSecret)
    }
    let table = SettingsTable.markdown([
      SettingsTable.Program(name: "one", settings: [setting("KV_A", "1"), setting("KV_B", "")]),
      SettingsTable.Program(
        name: "two", settings: [setting("KV_B", ""), setting("KV_A", "2", isSecret: true)]),
    ])
    #expect(
      table.split(separator: "\n").dropFirst(2) == [
        "| **Cluster** | | | | |",
        "| `KV_A` | one | 1 | a\\|b | It does. |",
        "| `KV_A`<br>or a file: `KV_A_FILE` | two | 2 | a\\|b | It does. |",
        "| `KV_B` | one, two |  | a\\|b | It does. |",
      ])
  }
}

/// The settings of all programs as a Markdown table, made from the programs' catalogues.
private enum SettingsTable {
  /// A program and the settings that it reads.
  struct Program {
    let name: String
    let settings: [SettingDescription]
  }

  /// One line for each setting. A name that means different things in two programs has two lines.
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
          // Next to the setting of the same name, so that a reader sees both.
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

  /// Escapes what means something in a cell of a table: a bar would end it.
  private static func escaped(_ text: String) -> String {
    String(text.flatMap { "|*<>_`\\".contains($0) ? "\\\($0)" : "\($0)" })
  }
}
