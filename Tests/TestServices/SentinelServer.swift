import Foundation

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
