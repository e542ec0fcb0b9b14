import Testing

@testable import KeyValueAPI
@testable import Service

@Suite("Reading settings")
struct SettingsReaderTests {
  private let password = Setting(
    description: SettingDescription(
      name: "KV_PASSWORD", topic: .cluster, fallback: "", allowed: "short", meaning: "",
      isSecret: true),
    fallback: "none", parse: { $0.count < 10 ? $0 : nil })

  private func read(
    _ environment: [String: String], files: [String: String] = [:]
  ) -> (value: String, problems: [SettingProblem]) {
    var reader = SettingsReader(environment, readFile: { files[$0] })
    return (reader.value(of: password), reader.problems)
  }

  @Test("A secret comes from its variable or from the file that another names")
  func secretFile() {
    #expect(read(["KV_PASSWORD": "fish"]).value == "fish")
    for text in ["fish", "fish\n", "fish\r\n"] {
      let (value, problems) = read(["KV_PASSWORD_FILE": "/s"], files: ["/s": text])
      #expect(value == "fish")
      #expect(problems.isEmpty)
    }
  }

  @Test("Variable and file together, or a file that can't be read, are wrong")
  func secretProblems() {
    let both = read(["KV_PASSWORD": "fish", "KV_PASSWORD_FILE": "/s"], files: ["/s": "bird"])
    #expect(both.value == "none")
    #expect(both.problems.map(\.name) == ["KV_PASSWORD"])
    let missing = read(["KV_PASSWORD_FILE": "/missing"])
    #expect(missing.value == "none")
    #expect(missing.problems.first?.advice.contains("KV_PASSWORD_FILE") == true)
  }

  @Test("A wrong secret is named but not told")
  func wrongSecret() {
    let wrong = read(["KV_PASSWORD": "far too long a password"])
    #expect(wrong.problems.map(\.description) == ["KV_PASSWORD: allowed is short"])
  }

  @Test("A long or odd value is cut and quoted before it is printed")
  func printing() {
    let problem = SettingProblem(
      Settings.listen.description, value: "a\u{1B}[31m" + String(repeating: "x", count: 500),
      advice: "no")
    #expect(problem.description.count < 120)
    #expect(!problem.description.contains("\u{1B}"))
  }
}
