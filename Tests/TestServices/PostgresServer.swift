public import Foundation

/// A PostgreSQL server in a folder of its own. User `kv`, who may do everything; no password unless
/// the access rules ask for one.
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
  ///   - settings: of `postgresql.conf`, over those that suit tests: nothing waits for the disk.
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

  // MARK: Its life

  /// Starts it, also again, and waits until it accepts connections.
  public func start() throws {
    // Sessions of a server that was killed may still be leaving; it refuses to start before.
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

  /// Ends it as an administrator does who does not wait for sessions.
  public func stop() {
    let process = lock.withLock { self.process }
    process?.signal(SIGINT)
    while process?.isRunning ?? false { Polling.pause() }
  }

  /// Stops it and all its sessions where they stand.
  public func pause() {
    lock.withLock { process }?.pause()
    for session in sessions { _ = Foundation.kill(session, SIGSTOP) }
  }

  /// Lets them go on.
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

  // MARK: Making it

  private var data: String { folder + "/data" }

  private var command: [String] {
    let defaults = [
      "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "max_connections": "300",
      "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off",
      "shared_buffers": "64MB", "autovacuum": "off",
      // Which database a complaint is about.
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

  /// The server refuses to run as root, and wants files of its own.
  static func makeFolder() throws -> String {
    var template = Array("/tmp/kv-postgres-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw ServiceFailure("no temporary folder") }
    let folder = String(decoding: template.dropLast().map { UInt8($0) }, as: UTF8.self)
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
