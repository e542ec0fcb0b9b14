import Logging
import Observability
import Synchronization
import Testing

@Suite("Warnings that repeat themselves")
struct RepeatedWarningsTests {
  /// Keeps what was logged, as `message cause repeated`.
  private struct Recording: LogHandler {
    final class Lines: Sendable {
      private let lines = Mutex<[String]>([])
      func append(_ line: String) { lines.withLock { $0.append(line) } }
      var all: [String] { lines.withLock { $0 } }
    }

    let lines: Lines
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }
    func log(event: LogEvent) {
      let words = ["cause", "repeated"].compactMap { event.metadata?[$0]?.description }
      lines.append(([event.message.description] + words).joined(separator: " "))
    }
  }

  private let lines = Recording.Lines()

  private func make(kindsMax: Int = 64) -> RepeatedWarnings {
    RepeatedWarnings(
      logger: Logger(label: "test") { [lines] _ in Recording(lines: lines) }, kindsMax: kindsMax)
  }

  @Test("The first of a kind is logged at once, the others in one line that counts them")
  func gathering() {
    let warnings = make()
    for number in 1...1_000 {
      warnings.log("failed", kind: "a", metadata: ["cause": "\(number)"])
    }
    warnings.log("failed", kind: "b", metadata: ["cause": "other"])
    #expect(lines.all == ["failed 1", "failed other"])
    warnings.summarize()
    #expect(lines.all.dropFirst(2) == ["failed 1000 999"])
  }

  @Test("Each summary logs one line; after a summary without, the next warning is logged at once")
  func intervals() {
    let warnings = make()
    warnings.log("failed", kind: "a", metadata: ["cause": "1"])
    warnings.log("failed", kind: "a", metadata: ["cause": "2"])
    warnings.summarize()
    warnings.log("failed", kind: "a", metadata: ["cause": "3"])
    #expect(lines.all == ["failed 1", "failed 2 1"])
    warnings.summarize()
    warnings.summarize()
    #expect(lines.all == ["failed 1", "failed 2 1", "failed 3 1"])
    warnings.log("failed", kind: "a", metadata: ["cause": "4"])
    #expect(lines.all.last == "failed 4")
  }

  @Test("However many kinds there are, the lines are bounded, and all warnings are counted")
  func kinds() {
    let warnings = make(kindsMax: 3)
    for number in 1...100 {
      warnings.log("failed", kind: "\(number)", metadata: ["cause": "\(number)"])
    }
    #expect(lines.all == ["failed 1", "failed 2", "failed 3", "failed 4"])
    warnings.summarize()
    #expect(lines.all.dropFirst(4) == ["failed 100 96"])
  }

  @Test("Threads that warn at the same time lose no warning")
  func threads() async {
    let warnings = make()
    await withTaskGroup { group in
      for _ in 0..<8 {
        group.addTask {
          for _ in 0..<1_000 { warnings.log("failed", kind: "a", metadata: [:]) }
        }
      }
    }
    warnings.summarize()
    #expect(lines.all == ["failed", "failed 7999"])
  }
}
