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

  @Test("Each reason not to start the store has an exit code that says where to look")
  func exitCodes() {
    #expect(ExitStatus.of(.locked(path: "/d", processID: 1)) == ExitCode(73))
    #expect(ExitStatus.of(.notWritable(path: "/d", reason: "")) == ExitCode(73))
    #expect(ExitStatus.of(.corrupt(path: "/d", detail: "")) == ExitCode(74))
    #expect(ExitStatus.of(.noSpace(path: "/d", freeBytes: 0)) == ExitCode(74))
  }
}
