import Foundation

/// A PgBouncer in transaction mode: a session of the server belongs to a client for one transaction
/// at a time.
public final class PgBouncer: Sendable {
  private let process: ServiceProcess
  private let folder: String
  /// Where it listens, on 127.0.0.1.
  public let port: UInt16

  /// Starts one in front of a server. `sessions`: how many it opens there a database.
  public init(before server: PostgresServer, sessions: Int) throws {
    folder = try PostgresServer.makeFolder()
    port = try Ports.free()
    let settings = """
      [databases]
      * = host=127.0.0.1 port=\(server.port)
      [pgbouncer]
      listen_addr = 127.0.0.1
      listen_port = \(port)
      unix_socket_dir =
      auth_type = trust
      auth_file = \(folder)/users
      pool_mode = transaction
      default_pool_size = \(sessions)
      """
    try PostgresServer.makeFile(folder + "/users", Data(#""kv" "secret"\#n"#.utf8))
    try PostgresServer.makeFile(folder + "/pgbouncer.ini", Data((settings + "\n").utf8))
    let place = "/usr/sbin/pgbouncer"
    let program = FileManager.default.isExecutableFile(atPath: place) ? place : "pgbouncer"
    process = try ServiceProcess(
      [program, folder + "/pgbouncer.ini"], user: "postgres",
      outputPath: folder + "/pgbouncer.log")
    try Ports.wait(for: port, of: process)
  }

  deinit { remove() }

  /// Ends it and removes its folder.
  public func remove() {
    process.kill()
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// The URL of a database, by this way.
  public func url(database: String) -> String {
    "postgresql://kv:secret@127.0.0.1:\(port)/\(database)"
  }
}
