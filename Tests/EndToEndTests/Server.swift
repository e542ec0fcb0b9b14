import Foundation
import Testing

/// A `kv-api` process. It ends with the test that started it.
final class Server {
  let data: URL
  let output = Output()
  private let process = Process()
  private(set) var port: UInt16 = 0

  /// Starts a server on a free port and waits until it is ready.
  /// - Parameters:
  ///   - data: the data folder; nil: a new temporary folder.
  ///   - settings: environment variables besides the address and the folder.
  ///   - prefix: words in front of the command, such as a command that runs the server.
  ///   - readiness: the status of `/health/ready` that is waited for.
  static func running(
    data: URL? = nil, settings: [String: String] = [:], prefix: [String] = [],
    readiness: Int = 200
  ) throws -> Server {
    let server = try Server(data: data, settings: settings, prefix: prefix)
    try server.waitUntilReady(readiness)
    return server
  }

  /// Starts a server that is expected to refuse to run; returns its exit code and its output.
  static func refusing(
    arguments: [String] = [], data: URL? = nil, settings: [String: String] = [:],
    prefix: [String] = []
  ) throws -> (code: Int32, output: String) {
    let server = try Server(data: data, settings: settings, prefix: prefix, arguments: arguments)
    let output = try server.output.all()
    return (server.waitForExit(), output)
  }

  private init(
    data: URL?, settings: [String: String], prefix: [String], arguments: [String] = []
  ) throws {
    self.data = try data ?? TemporaryFolder.make()
    var environment = ProcessInfo.processInfo.environment.filter {
      !$0.key.hasPrefix("KV_") || $0.key == "KV_IO"
    }
    environment["KV_LISTEN"] = "127.0.0.1:0"
    environment["KV_DATA_DIR"] = self.data.path
    environment.merge(settings) { $1 }
    let command = prefix + [try Self.binary().path] + arguments
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = command
    process.environment = environment
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output.pipe
    process.standardError = output.pipe
    try process.run()
    output.read()
  }

  deinit { kill() }

  /// The `kv-api` that was built together with these tests.
  private static func binary() throws -> URL {
    #if os(Linux)
      // Here the test bundle is the running program.
      let bundle = URL(filePath: CommandLine.arguments[0]).standardizedFileURL
    #else
      let bundles = Bundle.allBundles.map(\.bundleURL)
      let bundle = try #require(bundles.first { $0.pathExtension == "xctest" })
    #endif
    let binary = bundle.deletingLastPathComponent().appending(path: "kv-api")
    guard FileManager.default.isExecutableFile(atPath: binary.path) else {
      throw TestFailure("there is no \(binary.path): build it with `swift build --build-tests`")
    }
    return binary
  }

  var processID: Int32 { process.processIdentifier }

  /// The most memory that the process has used, in bytes; nil where the system does not say.
  var memoryPeak: Int? {
    guard let text = try? String(contentsOfFile: "/proc/\(processID)/status", encoding: .utf8),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }),
      let kibibytes = line.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
    else { return nil }
    return kibibytes << 10
  }

  var isRunning: Bool { process.isRunning }

  private func waitUntilReady(_ readiness: Int) throws {
    // The log says which port the system picked.
    let address = /(?:127\.0\.0\.1|0\.0\.0\.0):(\d+)/
    guard let line = try output.line(where: { $0.contains(address) }),
      let number = line.firstMatch(of: address).flatMap({ UInt16($0.1) })
    else { throw TestFailure("the server ended:\n\(output.text)") }
    port = number
    let status = try connect().request("GET", "/health/ready").status
    guard status == readiness else { throw TestFailure("/health/ready answered \(status)") }
  }

  func connect() throws -> Connection { try Connection(port: port) }

  /// One request on a connection of its own.
  func request(
    _ method: String, _ target: String, body: String? = nil, fields: [String: String] = [:]
  ) throws -> Answer {
    try connect().request(method, target, body: body, fields: fields)
  }

  /// Asks the process to drain and exit.
  func terminate() { process.terminate() }

  /// Ends the process as a crash would, and waits for its end.
  func kill() {
    guard process.isRunning else { return }
    _ = Foundation.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  /// Waits for the process to end by itself. Returns its exit code; -1: a signal has ended it, or
  /// it had to be killed as it did not end.
  func waitForExit() -> Int32 {
    let watchdog = DispatchSource.makeTimerSource()
    watchdog.schedule(deadline: .now() + patience)
    watchdog.setEventHandler { [processID] in _ = Foundation.kill(processID, SIGKILL) }
    watchdog.resume()
    process.waitUntilExit()
    watchdog.cancel()
    return process.terminationReason == .exit ? process.terminationStatus : -1
  }
}

/// What a process writes, line by line, readable while it runs.
///
/// A thread reads the pipe. `@unchecked`: all state is accessed under `condition`.
final class Output: @unchecked Sendable {
  let pipe = Pipe()
  private let condition = NSCondition()
  private var finished: [String] = []
  private var isAtEnd = false
  private var isLeaving = false

  /// Starts to read. The process must have been started with `pipe` before.
  func read() {
    let handle = pipe.fileHandleForReading
    let thread = Thread { [self] in
      var partial = Data()
      while case let chunk = handle.availableData, !chunk.isEmpty {
        partial += chunk
        while let end = partial.firstIndex(of: UInt8(ascii: "\n")) {
          add(String(decoding: partial[..<end], as: UTF8.self))
          partial = Data(partial[(end + 1)...])
        }
        if condition.withLock({ isLeaving }) {
          try? handle.close()
          break
        }
      }
      if !partial.isEmpty { add(String(decoding: partial, as: UTF8.self)) }
      condition.withLock {
        isAtEnd = true
        condition.broadcast()
      }
    }
    thread.start()
  }

  /// Makes the reader end when it has read something more, and close the pipe: whatever the process
  /// writes from then on, nobody takes. `all` waits for that, too.
  func leave() { condition.withLock { isLeaving = true } }

  private func add(_ line: String) {
    condition.withLock {
      finished.append(line)
      condition.broadcast()
    }
  }

  var lines: [String] { condition.withLock { finished } }

  var text: String { lines.joined(separator: "\n") }

  /// Waits for a line that matches; nil: the process ended without one.
  func line(where matches: (String) -> Bool) throws -> String? {
    try condition.withLock {
      let deadline = Date(timeIntervalSinceNow: patience)
      var seen = 0
      while true {
        if let line = finished[seen...].first(where: matches) { return line }
        seen = finished.count
        if isAtEnd { return nil }
        guard condition.wait(until: deadline) else {
          throw TestFailure(
            "no such line within \(patience) s:\n\(finished.joined(separator: "\n"))")
        }
      }
    }
  }

  /// Waits until the process has closed its output, and returns all of it.
  func all() throws -> String {
    _ = try line { _ in false }
    return text
  }
}

/// Folders that are removed when the tests end.
enum TemporaryFolder {
  static func make() throws -> URL {
    let folder = root.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    return folder
  }

  /// Holds all of them. It is removed at the end of the process.
  private static let root: URL = {
    let folder = FileManager.default.temporaryDirectory.appending(path: "kv-\(UUID().uuidString)")
    atexit { try? FileManager.default.removeItem(at: TemporaryFolder.root) }
    return folder
  }()
}
