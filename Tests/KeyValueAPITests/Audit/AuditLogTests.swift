import Dispatch
import Foundation
import KeyValueStore
import Logging
import Observability
import Service
import Synchronization
import TestSupport
import Testing

@testable import HTTP
@testable import KeyValueAPI

@Suite("The audit log")
struct AuditLogTests {
  private let folder: TemporaryFolder
  private let path: String
  private let registry = MetricsRegistry()
  private let messages = Messages()

  init() throws {
    folder = try TemporaryFolder()
    path = folder.path(of: "audit.log")
  }

  /// Keeps what is logged instead of writing it.
  private final class Messages: Sendable {
    private let kept = Mutex<[String]>([])
    var all: [String] { kept.withLock { $0 } }
    func add(_ message: String) { kept.withLock { $0.append(message) } }
  }

  private struct Handler: LogHandler {
    let messages: Messages
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }
    func log(event: LogEvent) { messages.add("\(event.level): \(event.message)") }
  }

  private func log(at path: String? = nil, bytesMax: Int = 8 << 20) throws -> AuditLog {
    let logger = Logger(label: "test") { [messages] _ in Handler(messages: messages) }
    return try AuditLog(
      path: path ?? self.path, metrics: AuditMetrics(registry: registry), logger: logger,
      warnings: RepeatedWarnings(logger: logger), bytesMax: bytesMax)
  }

  private func record(
    _ subject: AuditRecord.Subject = .key(Array("a".utf8)), token: String = "shop"
  ) -> AuditRecord {
    AuditRecord(
      time: 1_700_000_000_123_456, token: token, id: RequestID(0xAB), route: .all[0], method: .put,
      status: .created, subject: subject)
  }

  private func lines(at path: String? = nil) throws -> [String] {
    try String(contentsOfFile: path ?? self.path, encoding: .utf8)
      .split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
  }

  private func metric(_ series: String) -> String? {
    String(decoding: registry.text(), as: UTF8.self).split(separator: "\n")
      .first { $0.hasPrefix(series + " ") }.map { String($0.dropFirst(series.count + 1)) }
  }

  /// SHA-256 of `a`.
  private let a = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"

  @Test("A line says when, who, what request, and the hash of the key as sha256sum prints it")
  func line() {
    func text(_ record: AuditRecord) -> String { String(decoding: record.line, as: UTF8.self) }
    let start = #"{"time":"2023-11-14T22:13:20.123456Z","token":"shop","#
    let request =
      #""request_id":"00000000000000ab","route":"/kv/{key}","method":"PUT","status":201,"#
    #expect(text(record()) == start + request + "\"key_sha256\":\"\(a)\"}\n")
    #expect(text(record(.unknown)) == start + request + "\"key_sha256\":null}\n")
    #expect(
      text(record(.prefix(Array("a".utf8)))) == start + request + "\"prefix_sha256\":\"\(a)\"}\n")
    let key = Key(trusted: Array("a".utf8))
    #expect(
      text(record(.batch(keys: [key, key], operations: 3)))
        == start + request + "\"operations\":3,\"key_sha256\":[\"\(a)\",\"\(a)\"]}\n")
    #expect(text(record(token: "")).contains(#""token":null,"#))
  }

  @Test("The file is for its owner alone, and lines are added to those that it has")
  func file() throws {
    for count in 1...2 {
      let log = try log()
      log.append(record())
      #expect(log.flush())
      #expect(try lines().count == count)
    }
    let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    #expect(metric("kv_audit_lines_total") == "2")
  }

  @Test("Lines of many threads all arrive, each whole")
  func threads() throws {
    let log = try log()
    DispatchQueue.concurrentPerform(iterations: 8) { _ in
      for _ in 0..<500 { log.append(record()) }
    }
    #expect(log.flush())
    let expected = String(decoding: record().line.dropLast(), as: UTF8.self)
    #expect(try lines() == Array(repeating: expected, count: 4_000))
  }

  @Test("After it was moved away, what comes is in a new file; until then in the old one")
  func rotation() throws {
    let log = try log()
    log.append(record(token: "one"))
    #expect(log.flush())
    let moved = folder.path(of: "audit.log.1")
    try FileManager.default.moveItem(atPath: path, toPath: moved)
    log.append(record(token: "two"))
    #expect(log.flush())
    log.reopen()
    log.append(record(token: "three"))
    #expect(log.flush())
    #expect(try lines(at: moved).count == 2)
    #expect(try lines().count == 1)
    #expect(try lines()[0].contains("three"))
    #expect(messages.all == ["notice: opened the audit log again"])
  }

  @Test("If it can't be opened again, lines go on into the old file, with a warning")
  func failedRotation() throws {
    let log = try log()
    let moved = folder.path(of: "moved")
    try FileManager.default.moveItem(atPath: path, toPath: moved)
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    log.reopen()
    log.append(record())
    #expect(log.flush())
    #expect(try lines(at: moved).count == 1)
    #expect(messages.all == ["warning: the audit log can't be opened again"])
  }

  @Test("A file that was removed is made again, also after its folder was away for a while")
  func removed() throws {
    let inner = folder.path(of: "inner")
    try FileManager.default.createDirectory(atPath: inner, withIntermediateDirectories: false)
    let file = inner + "/audit.log"
    let log = try log(at: file)
    try FileManager.default.removeItem(atPath: file)
    log.append(record())
    #expect(log.flush())
    #expect(try lines(at: file).count == 1)

    try FileManager.default.removeItem(atPath: inner)
    for _ in 0..<3 {
      log.append(record())
      #expect(log.flush())
    }
    #expect(metric(#"kv_audit_lines_lost_total{reason="failed"}"#) == "3")
    // One warning for all of a kind.
    #expect(messages.all == ["warning: lines of the audit log are lost: it can't be written"])

    try FileManager.default.createDirectory(atPath: inner, withIntermediateDirectories: false)
    log.append(record())
    #expect(log.flush())
    let found = try lines(at: file)
    #expect(found.count == 2)
    #expect(found.first?.hasSuffix(#"Z","lines_lost":3}"#) == true)
    #expect(metric("kv_audit_lines_total") == "2")
  }

  #if os(Linux)
    @Test("A disk that is full loses lines, which are counted, and nobody waits for it")
    func fullDisk() throws {
      let log = try log(at: "/dev/full")
      for _ in 0..<100 { log.append(record()) }
      #expect(log.flush())
      #expect(metric(#"kv_audit_lines_lost_total{reason="failed"}"#) == "100")
      #expect(metric("kv_audit_lines_total") == "0")
    }
  #endif

  @Test("Past the bound of its queue lines are lost, counted, and the file says how many")
  func bound() throws {
    // A pipe that nobody reads: the writer hangs, as on a disk that does not answer.
    let pipe = folder.path(of: "pipe")
    #expect(mkfifo(pipe, 0o600) == 0)
    let reader = open(pipe, O_RDONLY | O_NONBLOCK)
    let log = try log(at: pipe, bytesMax: 100_000)
    let keys = Array(repeating: Key(trusted: [0x61]), count: 1_000)
    let long = record(.batch(keys: keys, operations: 1_000))
    // More than a pipe holds. Then the queue fills up.
    for _ in 0..<2 { log.append(long) }
    while metric(#"kv_audit_lines_lost_total{reason="full"}"#) == "0" { log.append(record()) }
    #expect(!log.flush(timeout: .milliseconds(1)))

    var text: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while !log.flush(timeout: .milliseconds(1)) {
      let count = read(reader, &buffer, buffer.count)
      if count > 0 { text += buffer[..<count] }
    }
    while case let count = read(reader, &buffer, buffer.count), count > 0 {
      text += buffer[..<count]
    }
    close(reader)
    let lines = String(decoding: text, as: UTF8.self).split(separator: "\n")
    #expect(lines.contains { $0.hasSuffix(#"Z","lines_lost":1}"#) })
    #expect(lines.allSatisfy { $0.hasPrefix("{") && $0.hasSuffix("}") })
    #expect(metric("kv_audit_lines_total") == String(lines.count - 1))
    #expect(
      messages.all == [
        "warning: lines of the audit log are lost: it is written more slowly than requests come"
      ])
  }

  @Test("A pipe whose reader has ended loses lines, and they are counted")
  func brokenPipe() throws {
    // As every program does.
    ProcessPrecautions.ignoreBrokenPipes()
    let pipe = folder.path(of: "pipe")
    #expect(mkfifo(pipe, 0o600) == 0)
    let reader = open(pipe, O_RDONLY | O_NONBLOCK)
    let log = try log(at: pipe)
    close(reader)
    log.append(record())
    #expect(log.flush())
    #expect(metric(#"kv_audit_lines_lost_total{reason="failed"}"#) == "1")
  }

  @Test("A path that can't be written is named with the system's reason, and no file is made")
  func obstacles() throws {
    #expect(AuditFile.obstacle(at: path) == nil)
    #expect(!FileManager.default.fileExists(atPath: path))
    for (path, reason) in [
      ("/nowhere/audit", "No such file or directory"), (folder.path, "Is a directory"),
      ("/dev/null/x", "Not a directory"),
    ] {
      #expect(AuditFile.obstacle(at: path) == reason)
      let error = #expect(throws: AuditFileError.self) { try log(at: path) }
      #expect(error?.description == reason)
    }
  }
}
