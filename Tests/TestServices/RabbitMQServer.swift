import Foundation

/// A RabbitMQ broker of one node, with a port mapper of its own, in a temporary folder that is
/// removed with it. The user and the password are `guest`.
public final class RabbitMQServer: @unchecked Sendable {
  // `@unchecked`: `process` is behind the lock, all else is constant.
  private let lock = NSLock()
  private var process: ServiceProcess?
  private let mapper: ServiceProcess
  private let folder: URL
  private let environment: [String: String]
  /// Where it listens, on the loopback address.
  public let port: UInt16
  /// Where it listens with TLS; nil without certificates.
  public let portTLS: UInt16?

  private static let programs = "/usr/lib/rabbitmq/bin"

  /// Starts a broker and waits until it listens.
  /// - Parameter certificates: a folder with `ca.pem`, `server.pem` and `server.key`, for TLS.
  public init(certificates: String? = nil) throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "rabbitmq-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let path = folder.path
    port = try Ports.free()
    portTLS = try certificates.map { _ in try Ports.free() }
    let mapperPort = try Ports.free()
    var settings = """
      listeners.tcp.1 = 127.0.0.1:\(port)
      log.console = true
      log.console.level = warning
      log.file = false
      vm_memory_high_watermark.absolute = 2GB
      disk_free_limit.absolute = 1MB

      """
    if let certificates, let portTLS {
      settings += """
        listeners.ssl.1 = 127.0.0.1:\(portTLS)
        ssl_options.cacertfile = \(certificates)/ca.pem
        ssl_options.certfile = \(certificates)/server.pem
        ssl_options.keyfile = \(certificates)/server.key

        """
    }
    try settings.write(toFile: path + "/rabbitmq.conf", atomically: true, encoding: .utf8)
    try "[].".write(toFile: path + "/plugins", atomically: true, encoding: .utf8)
    try "TESTS".write(toFile: path + "/.erlang.cookie", atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes(
      [.posixPermissions: 0o400], ofItemAtPath: path + "/.erlang.cookie")
    environment = [
      "HOME": path,
      "ERL_EPMD_PORT": "\(mapperPort)",
      "ERL_EPMD_ADDRESS": "127.0.0.1",
      "RABBITMQ_NODENAME": "test@localhost",
      "RABBITMQ_DIST_PORT": "\(try Ports.free())",
      "RABBITMQ_MNESIA_BASE": path + "/data",
      "RABBITMQ_LOG_BASE": path + "/log",
      "RABBITMQ_CONF_ENV_FILE": "/dev/null",
      "RABBITMQ_CONFIG_FILE": path + "/rabbitmq.conf",
      "RABBITMQ_ENABLED_PLUGINS_FILE": path + "/plugins",
      // Only this machine may connect; idle schedulers do not spin; and a broker that is killed
      // leaves no dumps in the folder where the tests were started.
      "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS":
        "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none -mnesia core_dir false",
      "ERL_CRASH_DUMP": path + "/crash.dump",
      // The server then replaces the script that starts it, and so ends with the tests.
      "RUNNING_UNDER_SYSTEMD": "1",
    ]
    // A server that finds no port mapper starts one, which would outlive it.
    mapper = try ServiceProcess(
      ["epmd", "-port", "\(mapperPort)", "-address", "127.0.0.1"], outputPath: path + "/epmd.log")
    try Ports.wait(for: mapperPort, of: mapper)
    try start()
  }

  deinit { remove() }

  /// Ends it for good, and removes its files.
  public func remove() {
    running?.kill()
    mapper.kill()
    try? FileManager.default.removeItem(at: folder)
  }

  /// Starts it again on the same port, with its data.
  public func start() throws {
    let started = try ServiceProcess(
      [RabbitMQServer.programs + "/rabbitmq-server"], environment: environment,
      outputPath: folder.path + "/server.log")
    lock.withLock { process = started }
    try Ports.wait(for: port, of: started, seconds: 90)
  }

  /// Ends it as a power cut does.
  public func kill() { running?.kill() }

  /// Freezes it: a broker that hangs.
  public func pause() { running?.pause() }

  /// Lets it continue.
  public func resume() { running?.resume() }

  /// Runs `rabbitmqctl`, which takes a second or two.
  @discardableResult
  public func control(_ arguments: String...) throws -> String {
    let path = folder.path + "/control-\(UUID().uuidString).log"
    let command = try ServiceProcess(
      [RabbitMQServer.programs + "/rabbitmqctl", "-q"] + arguments, environment: environment,
      outputPath: path)
    try Polling.wait(for: "end of rabbitmqctl") { !command.isRunning }
    return command.output
  }

  /// What it has printed.
  public var output: String { running?.output ?? "" }

  private var running: ServiceProcess? { lock.withLock { process } }
}
