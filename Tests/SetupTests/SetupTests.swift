import Foundation
import Service
import Testing

@testable import KeyValueAPI
@testable import KeyValueAutoscaler
@testable import KeyValueWorker

/// SETUP.md says of every setting what the programs say of it.
@Suite("The table of settings in SETUP.md")
struct SetupTests {
  /// Every program that has settings.
  private static let programs = [
    SettingsTable.Program(name: "kv-api", settings: KeyValueAPI.Settings.all),
    SettingsTable.Program(name: "kv-worker", settings: KeyValueWorker.Settings.all),
    SettingsTable.Program(name: "kv-autoscaler", settings: KeyValueAutoscaler.Settings.all),
  ]

  private static let document = URL(filePath: #filePath)
    .appending(path: "../../../SETUP.md").standardizedFileURL
  private static let start = "<!-- settings: scripts/settings writes what follows -->\n"
  private static let end = "\n<!-- settings: end -->"

  /// `scripts/settings` sets KV_WRITE_SETTINGS, and the table is written instead of compared.
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
