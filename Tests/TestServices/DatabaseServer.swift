import Foundation

/// A server on which tests can make databases.
public protocol DatabaseServer: AnyObject, Sendable {
  /// The URL of a database, for an administrator.
  func url(database: String) -> String

  /// The name of a database that always exists.
  var defaultDatabase: String { get }

  /// The SQL that removes a database, even if it is in use.
  func dropping(_ database: String) -> String

  /// Ends the server and removes its files.
  func remove()
}

extension PostgresServer: DatabaseServer {
  public var defaultDatabase: String { "postgres" }
  public func url(database: String) -> String { url(database: database, parameters: "") }
  public func dropping(_ database: String) -> String { "DROP DATABASE \(database) WITH (FORCE)" }
}

extension CockroachServer: DatabaseServer {
  public var defaultDatabase: String { "defaultdb" }
  public func dropping(_ database: String) -> String { "DROP DATABASE \(database) CASCADE" }
}

/// A single CockroachDB node that keeps everything in memory, without passwords, on the loopback
/// address.
public final class CockroachServer: @unchecked Sendable {
  // `@unchecked`: constant but for `process`, which is Sendable itself.
  private let process: ServiceProcess
  private let folder: String
  /// Where it listens, on 127.0.0.1.
  public let port: UInt16

  /// Where the program is: `KV_COCKROACH`, or on the PATH.
  private static var program: String {
    ProcessInfo.processInfo.environment["KV_COCKROACH"] ?? "cockroach"
  }

  /// Starts a node and waits until it answers.
  public init() throws {
    folder = try TemporaryFolder.make("cockroach")
    port = try Ports.free()
    let console = try Ports.free()
    process = try ServiceProcess(
      [
        Self.program, "start-single-node", "--insecure", "--listen-addr=127.0.0.1:\(port)",
        "--http-addr=127.0.0.1:\(console)", "--store=type=mem,size=1GiB", "--cache=128MiB",
        "--max-sql-memory=256MiB", "--log-dir=\(folder)/logs",
      ],
      environment: ["COCKROACH_SKIP_ENABLING_DIAGNOSTIC_REPORTING": "true"],
      outputPath: folder + "/server.log")
    try Polling.wait(for: "a CockroachDB node") { [process, folder] in
      guard process.isRunning else {
        throw ServiceFailure("cockroach has ended: \(process.output.suffix(2_000))")
      }
      let answer = try ServiceProcess(
        ["curl", "--silent", "--fail", "http://127.0.0.1:\(console)/health?ready=1"],
        outputPath: folder + "/ready.log")
      return try answer.waitForExit() == 0
    }
  }

  deinit { remove() }

  /// Ends the node and removes its files.
  public func remove() {
    process.kill()
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// The URL of a database.
  public func url(database: String) -> String {
    "postgresql://root@127.0.0.1:\(port)/\(database)?sslmode=disable"
  }
}
