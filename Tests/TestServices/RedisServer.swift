import Foundation

/// A Redis in a folder of its own.
public final class RedisServer: @unchecked Sendable {
  // `@unchecked`: `process` is replaced by `start` alone, which a test calls from one task.
  /// Its port on 127.0.0.1.
  public let port: UInt16
  /// The process, for signals.
  public private(set) var process: ServiceProcess
  private let folder: URL
  private let arguments: [String]

  /// Starts a Redis.
  /// - Parameters:
  ///   - master: the master that it replicates, if any.
  ///   - options: more options, as on its command line.
  public init(replicaOf master: RedisServer? = nil, options: [String] = []) throws {
    folder = FileManager.default.temporaryDirectory.appending(
      path: "redis-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    var arguments = [
      "redis-server", "--bind", "127.0.0.1", "--dir", folder.path, "--save", "",
      "--appendonly", "no", "--repl-diskless-sync-delay", "0",
    ]
    if let master { arguments += ["--replicaof", "127.0.0.1", "\(master.port)"] }
    arguments += options
    let output = folder.appending(path: "output").path
    (port, process) = try RedisServer.onFreePort { port in
      try ServiceProcess(arguments + ["--port", "\(port)"], outputPath: output)
    }
    self.arguments = arguments + ["--port", "\(port)"]
  }

  /// Starts a server on a free port, and on another one if the port was taken meanwhile.
  static func onFreePort(
    _ start: (UInt16) throws -> ServiceProcess
  ) throws -> (UInt16, ServiceProcess) {
    for _ in 0..<5 {
      let port = try Ports.free()
      let process = try start(port)
      do {
        try Ports.wait(for: port, of: process)
        // Another program may have answered.
        if process.isRunning { return (port, process) }
      } catch {
        process.kill()
      }
    }
    throw ServiceFailure("no free port for Redis")
  }

  deinit {
    process.kill()
    try? FileManager.default.removeItem(at: folder)
  }

  /// Starts it again after `process.kill()`, with the same command line.
  public func start() throws {
    process = try ServiceProcess(arguments, outputPath: folder.appending(path: "output").path)
    try Ports.wait(for: port, of: process)
  }

  /// Runs a command and returns what `redis-cli` prints.
  @discardableResult
  public func command(_ words: String..., password: String? = nil) throws -> String {
    var options: [String] = []
    if let password { options = ["-a", password, "--no-auth-warning"] }
    return try RedisServer.command(port: port, options: options, words)
  }

  /// Runs a command on the server at a port that speaks Redis' protocol.
  public static func command(
    port: UInt16, options: [String] = [], _ words: [String]
  ) throws -> String {
    let path = FileManager.default.temporaryDirectory.appending(
      path: "redis-cli-\(UUID().uuidString)"
    ).path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let process = try ServiceProcess(
      ["redis-cli", "-p", "\(port)"] + options + words, outputPath: path)
    try Polling.wait(for: "reply to \(words.first ?? "")") { !process.isRunning }
    return process.output.trimmingCharacters(in: .newlines)
  }
}

/// A Sentinel that watches a Redis as `mymaster`; a quorum of two declares it dead after a second.
public final class SentinelServer: Sendable {
  /// Its port on 127.0.0.1.
  public let port: UInt16
  /// The process, for signals.
  public let process: ServiceProcess
  private let folder: URL

  /// Starts a Sentinel.
  public init(watching master: RedisServer) throws {
    let folder = FileManager.default.temporaryDirectory.appending(
      path: "sentinel-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    self.folder = folder
    (port, process) = try RedisServer.onFreePort { port in
      try SentinelServer.start(port, watching: master, in: folder)
    }
  }

  private static func start(
    _ port: UInt16, watching master: RedisServer, in folder: URL
  ) throws -> ServiceProcess {
    let file = folder.appending(path: "sentinel.conf")
    try """
    port \(port)
    bind 127.0.0.1
    dir \(folder.path)
    sentinel monitor mymaster 127.0.0.1 \(master.port) 2
    sentinel down-after-milliseconds mymaster 1000
    sentinel failover-timeout mymaster 5000
    sentinel parallel-syncs mymaster 2

    """.write(to: file, atomically: true, encoding: .utf8)
    return try ServiceProcess(
      ["redis-sentinel", file.path], outputPath: folder.appending(path: "output").path)
  }

  deinit {
    process.kill()
    try? FileManager.default.removeItem(at: folder)
  }

  /// Runs a command and returns what `redis-cli` prints.
  public func command(_ words: String...) throws -> String {
    try RedisServer.command(port: port, words)
  }
}
