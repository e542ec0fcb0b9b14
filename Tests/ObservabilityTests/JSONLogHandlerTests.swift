import Foundation
import Logging
import Synchronization
import Testing

@testable import Observability

@Suite("A log line")
struct JSONLogHandlerTests {
  /// Keeps what is written.
  private final class Lines: Sendable {
    private let bytes = Mutex<[UInt8]>([])
    func append(_ more: [UInt8]) { bytes.withLock { $0 += more } }
    var all: [UInt8] { bytes.withLock { $0 } }
  }

  /// What `log` writes through a logger, line by line.
  private func lines(
    level: Logger.Level = .info, _ log: (Logger) -> Void
  ) throws -> [[String: Any]] {
    let lines = Lines()
    let writer = LogWriter(bytesMax: 1 << 20) { lines.append($0) }
    let logger = Logger(label: "kv.test") {
      JSONLogHandler(label: $0, level: level, writer: writer)
    }
    log(logger)
    #expect(writer.flush())
    return try lines.all.split(separator: UInt8(ascii: "\n")).map { line in
      let object = try JSONSerialization.jsonObject(with: Data(line))
      return try #require(object as? [String: Any])
    }
  }

  private static let nasty = [
    "", "\"", "\\", "\n\r\t", "\u{0}\u{1}\u{1F}\u{7F}\u{9B}", "\u{2028}", "ü€😀", "\\u0041", "{}",
    "</script>", "a\u{FEFF}b", "a\u{301}",
  ]

  @Test("Any text in message and metadata comes out as it went in", arguments: nasty)
  func escaping(_ text: String) throws {
    let lines = try lines { logger in
      logger.info(
        "\(text)",
        metadata: [
          "text": "\(text)", "name \(text)": "named", "list": ["\(text)"],
          "object": ["\(text)": "inside"],
        ])
    }
    #expect(lines.count == 1)
    let line = try #require(lines.first)
    #expect(line["message"] as? String == text)
    #expect(line["text"] as? String == text)
    #expect(line["name \(text)"] as? String == "named")
    #expect(line["list"] as? [String] == [text])
    #expect(line["object"] as? [String: String] == [text: "inside"])
  }

  @Test("No control character is written as it is: a terminal that shows the log would obey it")
  func controlCharacters() {
    let controls = (0..<0xA0).compactMap { Unicode.Scalar($0) }
      .filter { !(0x20..<0x7F).contains($0.value) }
    let text = controls.map { String($0) }.joined()
    let lines = Lines()
    let writer = LogWriter(bytesMax: 1 << 20) { lines.append($0) }
    Logger(label: "kv.test") { JSONLogHandler(label: $0, level: .info, writer: writer) }
      .info("\(text)", metadata: ["\(text)": "\(text)"])
    #expect(writer.flush())
    let written = String(decoding: lines.all, as: UTF8.self).unicodeScalars
    #expect(written.filter { controls.contains($0) } == ["\n"])
  }

  @Test("A line has time, level, logger and message, and is in UTC with microseconds")
  func members() throws {
    let line = try #require(try lines { $0.warning("hello") }.first)
    #expect(line["level"] as? String == "warning")
    #expect(line["logger"] as? String == "kv.test")
    #expect(line["message"] as? String == "hello")
    #expect(line["source"] == nil)
    let time = try #require(line["ts"] as? String)
    #expect(time.contains(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/))
  }

  @Test("Numbers and Booleans stay what they are")
  func numbers() throws {
    let lines = try lines {
      $0.info(
        "a",
        metadata: [
          "int": .stringConvertible(42), "max": .stringConvertible(UInt64.max),
          "double": .stringConvertible(0.25), "bool": .stringConvertible(true),
          "nan": .stringConvertible(Double.nan), "duration": .stringConvertible(Duration.zero),
        ])
    }
    let line = try #require(lines.first)
    #expect(line["int"] as? Int == 42)
    #expect((line["max"] as? NSNumber)?.uint64Value == .max)
    #expect(line["double"] as? Double == 0.25)
    #expect(line["bool"] as? Bool == true)
    #expect(line["nan"] as? String == "nan")
    #expect(line["duration"] as? String == "0.0 seconds")
  }

  @Test("A line names the source file and line at debug only")
  func source() throws {
    let line = try #require(try lines(level: .debug) { $0.info("a") }.first)
    #expect((line["source"] as? String)?.contains("JSONLogHandlerTests.swift:") == true)
  }

  @Test("Metadata can't replace the members that every line has")
  func reservedNames() throws {
    let lines = try lines { $0.info("real", metadata: ["message": "fake", "ts": "never"]) }
    let line = try #require(lines.first)
    #expect(line["message"] as? String == "real")
    #expect(line["metadata.message"] as? String == "fake")
    #expect(line["metadata.ts"] as? String == "never")
  }

  @Test("Metadata of a message takes precedence over the logger's own")
  func mergedMetadata() throws {
    let lines = try lines { logger in
      var logger = logger
      logger[metadataKey: "loop"] = "1"
      logger[metadataKey: "kept"] = "yes"
      logger.info("a", metadata: ["loop": "2"])
    }
    #expect(lines.first?["loop"] as? String == "2")
    #expect(lines.first?["kept"] as? String == "yes")
  }

  @Test("An error is a member of its own")
  func error() throws {
    let lines = try lines { $0.error("failed", error: CancellationError()) }
    #expect((lines.first?["error"] as? String)?.contains("CancellationError") == true)
  }

  @Test("A message below the level is not written")
  func level() throws {
    #expect(
      try lines(level: .warning) {
        $0.info("a")
        $0.error("b")
      }.count == 1)
  }
}
