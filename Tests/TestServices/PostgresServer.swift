public import Foundation

/// A PostgreSQL server in a folder of its own. The user `kv` is a superuser, and needs no password
/// unless the access rules require one.
public final class PostgresServer: @unchecked Sendable {
  // `@unchecked`: `process` is behind the lock, all else is constant.
  private let lock = NSLock()
  private var process: ServiceProcess?
  private let folder: String
  private let settings: [String: String]
  /// Where it listens, on 127.0.0.1.
  public let port: UInt16

  /// Makes a database cluster and starts a server on it.
  /// - Parameters:
  ///   - settings: of `postgresql.conf`. They override those that suit tests, with which nothing
  ///     waits for the disk.
  ///   - access: the lines of `pg_hba.conf`.
  ///   - password: of the user `kv`.
  ///   - files: more files of the data folder, readable by the server alone: certificates.
  public init(
    settings: [String: String] = [:], access: String = "host all all 127.0.0.1/32 trust",
    password: String = "secret", files: [String: Data] = [:]
  ) throws {
    folder = try PostgresServer.makeFolder()
    self.settings = settings
    port = try Ports.free()
    do {
      try initialize(password: password)
      try write("\(access)\n", to: "pg_hba.conf")
      for (name, content) in files { try write(content, to: name) }
      try start()
    } catch {
      try? FileManager.default.removeItem(atPath: folder)
      throw error
    }
  }

  deinit { remove() }

  /// Ends the server and removes its folder.
  public func remove() {
    kill()
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// The URL of a database.
  public func url(database: String = "postgres", parameters: String = "") -> String {
    "postgresql://kv:secret@127.0.0.1:\(port)/\(database)\(parameters)"
  }

  // MARK: Running

  /// Starts it, for the first time or again, and waits until it accepts connections.
  public func start() throws {
    // It refuses to start while sessions of a server that was killed are still ending.
    try Polling.wait(for: "a PostgreSQL server") {
      let process = try ServiceProcess(
        command, user: "postgres", outputPath: folder + "/server.log")
      lock.withLock { self.process = process }
      while process.isRunning {
        if isAnswering { return true }
        Polling.pause()
      }
      return false
    }
  }

  /// Ends it and all its sessions at once, as a loss of power would.
  public func kill() {
    let process = lock.withLock { self.process }
    let sessions = self.sessions
    process?.kill()
    for session in sessions { _ = Foundation.kill(session, SIGKILL) }
  }

  /// Ends it without waiting for sessions, as an administrator would (a fast shutdown).
  public func stop() {
    let process = lock.withLock { self.process }
    process?.signal(SIGINT)
    while process?.isRunning ?? false { Polling.pause() }
  }

  /// Freezes it and all its sessions: a server that hangs.
  public func pause() {
    lock.withLock { process }?.pause()
    for session in sessions { _ = Foundation.kill(session, SIGSTOP) }
  }

  /// Lets them continue.
  public func resume() {
    lock.withLock { process }?.resume()
    for session in sessions { _ = Foundation.kill(session, SIGCONT) }
  }

  /// What it has printed.
  public var log: String {
    (try? String(contentsOfFile: folder + "/server.log", encoding: .utf8)) ?? ""
  }

  /// The process ids of the server's children.
  private var sessions: [pid_t] {
    guard let parent = lock.withLock({ process })?.identifier else { return [] }
    let children = try? String(
      contentsOfFile: "/proc/\(parent)/task/\(parent)/children", encoding: .utf8)
    return (children ?? "").split(separator: " ").compactMap { pid_t($0) }
  }

  // MARK: Files and programs

  private var data: String { folder + "/data" }

  private var command: [String] {
    let defaults = [
      "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "max_connections": "300",
      "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off",
      "shared_buffers": "64MB", "autovacuum": "off",
      // Each line names its database.
      "log_line_prefix": "%d ",
    ]
    let options = defaults.merging(settings) { $1 }.sorted { $0.key < $1.key }
    return [PostgresServer.program("postgres"), "-D", data, "-p", "\(port)"]
      + options.flatMap { ["-c", "\($0.key)=\($0.value)"] }
  }

  private var isAnswering: Bool {
    let path = folder + "/ready.log"
    let probe = try? ServiceProcess(
      [
        PostgresServer.program("pg_isready"), "-q", "-U", "kv", "-h", "127.0.0.1", "-p", "\(port)",
      ], outputPath: path)
    return (try? probe?.waitForExit()) == 0
  }

  private func initialize(password: String) throws {
    let secret = folder + "/password"
    try PostgresServer.makeFile(secret, Data(password.utf8))
    let process = try ServiceProcess(
      [
        PostgresServer.program("initdb"), "-D", data, "-U", "kv", "-A", "trust", "-E", "UTF8",
        "--locale=C", "--no-sync", "--pwfile", secret,
      ], user: "postgres", outputPath: folder + "/initdb.log")
    guard try process.waitForExit() == 0 else {
      throw ServiceFailure("initdb: \(process.output.suffix(2_000))")
    }
  }

  private func write(_ text: String, to name: String) throws {
    try write(Data(text.utf8), to: name)
  }

  private func write(_ content: Data, to name: String) throws {
    try PostgresServer.makeFile(data + "/" + name, content)
  }

  /// A temporary folder of the server's user: it refuses to run as root.
  static func makeFolder() throws -> String {
    let folder = try TemporaryFolder.make("postgres")
    try giveAway(folder)
    return folder
  }

  static func makeFile(_ path: String, _ content: Data) throws {
    try content.write(to: URL(fileURLWithPath: path))
    guard chmod(path, 0o600) == 0 else { throw ServiceFailure("chmod \(path)") }
    try giveAway(path)
  }

  private static func giveAway(_ path: String) throws {
    guard geteuid() == 0 else { return }
    guard let user = getpwnam("postgres"),
      chown(path, user.pointee.pw_uid, user.pointee.pw_gid) == 0
    else { throw ServiceFailure("there is no user postgres") }
  }

  /// Where Debian keeps the programs of the newest version, or the PATH.
  static func program(_ name: String) -> String {
    let root = "/usr/lib/postgresql"
    let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
    let newest = versions.compactMap { Int($0) }.max()
    return newest.map { "\(root)/\($0)/bin/\(name)" } ?? name
  }
}

/// A PgBouncer in transaction mode: a client has a session of the server for one transaction at a
/// time.
public final class PgBouncer: Sendable {
  private let process: ServiceProcess
  private let folder: String
  /// Where it listens, on 127.0.0.1.
  public let port: UInt16

  /// Starts one in front of a server. `sessions`: how many it opens there for each database.
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

  /// The URL of a database through this pooler.
  public func url(database: String) -> String {
    "postgresql://kv:secret@127.0.0.1:\(port)/\(database)"
  }
}

/// A self-signed certificate for 127.0.0.1, with its key.
public struct SelfSignedCertificate: Sendable {
  /// PEM.
  public let certificate: Data
  /// PEM, without a passphrase.
  public let key: Data

  /// Makes one, with the `openssl` command.
  public init() throws {
    let folder = try TemporaryFolder.make("certificate")
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let process = try ServiceProcess(
      [
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
        "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
        "subjectAltName=IP:127.0.0.1", "-keyout", folder + "/key", "-out",
        folder + "/certificate",
      ], outputPath: folder + "/log")
    guard try process.waitForExit() == 0 else { throw ServiceFailure(process.output) }
    certificate = try Data(contentsOf: URL(fileURLWithPath: folder + "/certificate"))
    key = try Data(contentsOf: URL(fileURLWithPath: folder + "/key"))
  }
}
