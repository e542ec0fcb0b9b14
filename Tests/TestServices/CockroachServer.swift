import Foundation

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
    var template = Array("/tmp/kv-cockroach-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw ServiceFailure("no temporary folder") }
    folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
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

  /// Ends the node and removes what it has written.
  public func remove() {
    process.kill()
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// The URL of a database.
  public func url(database: String) -> String {
    "postgresql://root@127.0.0.1:\(port)/\(database)?sslmode=disable"
  }
}
