import ArgumentParser
import Embedded
import EventLoop
import Testing

@testable import KeyValueAPI
@testable import Service

@Suite("The catalogue of settings")
struct SettingsTests {
  @Test("Names are unique, and every entry is complete")
  func catalogue() {
    #expect(Set(Settings.all.map(\.name)).count == Settings.all.count)
    for setting in Settings.all {
      #expect(setting.name.wholeMatch(of: /KV(_[A-Z]+)+/) != nil)
      #expect(setting.meaning.hasSuffix("."))
      #expect(!setting.allowed.isEmpty)
    }
  }

  @Test("--help lists every setting with its default and fits into 80 columns")
  func help() {
    let help = APICommand.helpMessage(columns: 80)
    for setting in Settings.all {
      #expect(help.contains("\n  \(setting.name)"), "\(setting.name)")
      if !setting.fallback.isEmpty { #expect(help.contains("(default: \(setting.fallback))")) }
    }
    // Wrapped by ArgumentParser, a line would lose its indentation.
    #expect(help.contains(Settings.help))
    for line in help.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
  }

  @Test("The text of a default is read as the default")
  func fallbacks() {
    #expect(Settings.listen.parse(Settings.listen.description.fallback) == Settings.listen.fallback)
    for setting in [Settings.cacheBytes, Settings.valueBytesMax, Settings.bodyBytesMax] {
      #expect(setting.parse(setting.description.fallback) == setting.fallback)
    }
    let logLevel = CommonSettings.logLevel
    #expect(logLevel.parse(logLevel.description.fallback) == logLevel.fallback)
    #expect(
      CommonSettings.backend.parse(CommonSettings.backend.description.fallback) == .platformDefault)
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

  @Test("Each reason not to start the store has an exit code that says where to look")
  func exitCodes() {
    #expect(ExitStatus.of(.locked(path: "/d", processID: 1)) == ExitCode(73))
    #expect(ExitStatus.of(.notWritable(path: "/d", reason: "")) == ExitCode(73))
    #expect(ExitStatus.of(.corrupt(path: "/d", detail: "")) == ExitCode(74))
    #expect(ExitStatus.of(.noSpace(path: "/d", freeBytes: 0)) == ExitCode(74))
  }
}
