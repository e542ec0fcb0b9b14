import Foundation
import Testing

/// A `kv-api` process, ended with the test that started it.
final class Server {
  let data: URL
  let output = Output()
  private let process = Process()
  private(set) var port: UInt16 = 0

  /// Starts a server on a free port and waits until it is ready.
  /// - Parameters:
  ///   - data: the data folder; without one a new temporary folder.
  ///   - settings: environment variables besides the address and the folder.
  ///   - prefix: a command that runs the server, in front of it.
  static func running(
    data: URL? = nil, settings: [String: String] = [:], prefix: [String] = []
  ) throws -> Server {
    let server = try Server(data: data, settings: settings, prefix: prefix)
    try server.waitUntilReady()
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

  /// The most memory that the process has had, in bytes; nil where the system does not tell.
  var memoryPeak: Int? {
    guard let text = try? String(contentsOfFile: "/proc/\(processID)/status", encoding: .utf8),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }),
      let kibibytes = line.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
    else { return nil }
    return kibibytes << 10
  }

  var isRunning: Bool { process.isRunning }

  private func waitUntilReady() throws {
    // The log says which port the system picked.
    let address = /127\.0\.0\.1:(\d+)/
    guard let line = try output.line(where: { $0.contains(address) }),
      let number = line.firstMatch(of: address).flatMap({ UInt16($0.1) })
    else { throw TestFailure("the server ended:\n\(output.text)") }
    port = number
    let status = try connect().request("GET", "/health/ready").status
    guard status == 200 else { throw TestFailure("/health/ready answered \(status)") }
  }

  /// A new connection to the server.
  func connect() throws -> Connection { try Connection(port: port) }

  /// One request on a connection of its own.
  func request(
    _ method: String, _ target: String, body: String? = nil, fields: [String: String] = [:]
  ) throws -> Answer {
    try connect().request(method, target, body: body, fields: fields)
  }

  /// Asks the process to drain and leave.
  func terminate() { process.terminate() }

  /// Ends the process as a crash would, and waits until it is gone.
  func kill() {
    guard process.isRunning else { return }
    _ = Foundation.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  /// Waits for the process to end by itself, and returns its exit code.
  func waitForExit() -> Int32 {
    process.waitUntilExit()
    return process.terminationReason == .exit ? process.terminationStatus : -1
  }
}
