import Testing

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
      CommonSettings.drain.description, value: "a\u{1B}[31m" + String(repeating: "x", count: 500),
      advice: "no")
    #expect(problem.description.count < 120)
    #expect(!problem.description.contains("\u{1B}"))
  }

  @Test(
    "Bytes are read with and without a unit",
    arguments: [
      ("0", 0), ("1", 1), ("1KiB", 1_024), ("3MiB", 3_145_728), ("2GiB", 2_147_483_648),
      ("007", 7), ("", nil), ("MiB", nil), ("1MB", nil), ("1 MiB", nil), ("1mib", nil),
      ("-1", nil), ("+1", nil), ("1.5MiB", nil), ("0x10", nil), ("9223372036854775808", nil),
      ("9007199254740993KiB", nil), ("١", nil),
    ] as [(String, Int?)])
  func bytes(_ text: String, _ expected: Int?) {
    #expect(ByteCount.parse(text) == expected)
  }

  @Test("Bytes are written so that they are read back as the same")
  func byteText() {
    for bytes in [0, 1, 1_023, 1_024, 1_536, 1 << 20, 3 << 29, 1 << 40] {
      #expect(ByteCount.parse(ByteCount.text(bytes)) == bytes)
    }
    #expect(ByteCount.text(1 << 20) == "1MiB")
  }

  @Test("Distances between names are counted in letters")
  func distances() {
    #expect(EditDistance.between("", "abc") == 3)
    #expect(EditDistance.between("kitten", "sitting") == 3)
    #expect(EditDistance.between("abc", "abc") == 0)
    #expect(EditDistance.nearest(to: "KV_LOPS", among: ["KV_LISTEN", "KV_LOOPS"]) == "KV_LOOPS")
    #expect(EditDistance.nearest(to: "KV_A", among: ["KV_SOMETHING"]) == nil)
    #expect(EditDistance.nearest(to: "KV_A", among: []) == nil)
  }
}
