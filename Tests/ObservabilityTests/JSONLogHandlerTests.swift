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

  @Test("Numbers and truth values stay what they are")
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

  @Test("The file and line of a message are told at debug only")
  func source() throws {
    let line = try #require(try lines(level: .debug) { $0.info("a") }.first)
    #expect((line["source"] as? String)?.contains("JSONLogHandlerTests.swift:") == true)
  }

  @Test("Metadata can't take the place of what every line has")
  func reservedNames() throws {
    let lines = try lines { $0.info("real", metadata: ["message": "fake", "ts": "never"]) }
    let line = try #require(lines.first)
    #expect(line["message"] as? String == "real")
    #expect(line["metadata.message"] as? String == "fake")
    #expect(line["metadata.ts"] as? String == "never")
  }

  @Test("What a message says wins over the logger's own metadata, and that over nothing")
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

  @Test("What is less severe than the level is not written")
  func level() throws {
    #expect(
      try lines(level: .warning) {
        $0.info("a")
        $0.error("b")
      }.count == 1)
  }

  @Test("A secret in a message or in metadata is not told")
  func secret() throws {
    let secret = Secret("swordfish")
    let line = try #require(
      try lines { $0.info("\(secret)", metadata: ["password": .stringConvertible(secret)]) }.first)
    #expect(line["message"] as? String == "<redacted>")
    #expect(line["password"] as? String == "<redacted>")
    var dumped = ""
    dump([secret], to: &dumped)
    #expect(!dumped.contains("swordfish"))
    #expect(!"\(String(reflecting: secret))".contains("swordfish"))
    #expect(secret.reveal() == "swordfish")
  }

  @Test(
    "Times are written as Foundation writes them",
    arguments: [
      0, 1, 999_999, 951_782_399_000_000, 951_782_400_000_000, 951_868_800_000_000,
      1_750_000_000_123_456, 4_102_444_800_000_000, 4_107_542_400_000_000, -1, -86_400_000_001,
    ] as [Int64])
  func time(_ microseconds: Int64) throws {
    let text = LogTime.text(microseconds: microseconds)
    let parts = text.split(separator: ".")
    let fraction = try #require(Int64(parts[1].dropLast()))
    let date = try #require(ISO8601DateFormatter().date(from: parts[0] + "Z"))
    #expect(Int64(date.timeIntervalSince1970) * 1_000_000 + fraction == microseconds)
  }
}
