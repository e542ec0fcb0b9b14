internal import Cluster
internal import EventLoop
internal import HTTP
internal import Logging
internal import Service
internal import Telemetry

/// All that an operator decides, checked.
struct Configuration: ProgramConfiguration {
  enum Access: Sendable {
    /// Every client that can connect.
    case open
    /// Clients with a token of the file at `path`.
    case tokens(TokensFile, path: String)
  }

  let listen: SocketAddress
  /// Event loops, at least 1.
  let loops: Int
  let backend: PollerBackend
  let drain: Duration
  let logLevel: Logger.Level
  let areCoreDumpsAllowed: Bool
  /// The services of the cluster; nil: this process is a store by itself.
  let cluster: ClusterConfiguration?
  /// The folder of the database.
  let dataFolder: String
  /// Memory for cached entries.
  let cacheBytes: Int
  let access: Access
  /// Whether access is open, but to this machine and its network only: then `Host` has to be
  /// `localhost` or an address, so that no page of another site can call the API.
  let isLocalOnly: Bool
  /// Which pages of other origins may use the API; nil: none.
  let crossOrigin: CrossOrigin?
  /// The file of the audit log; nil: there is none.
  let auditPath: String?
  /// Where spans of requests go; nil: none is recorded.
  let telemetry: TelemetryConfiguration?
  /// Bounds and timeouts of connections. `connectionsMax` may have to be lowered to the limit of
  /// the process: see `DescriptorLimit`.
  var http: HTTPConfiguration
  /// Whether `http.connectionsMax` was set.
  let isConnectionsMaxGiven: Bool
  let limits: APILimits
  private(set) var warnings: [String]

  /// Reads the settings; the error names all that are wrong.
  /// - Parameters:
  ///   - cores: those that the process may use: the number of loops, unless it is set.
  ///   - readFile: reads the file of a secret.
  ///   - readTokens: reads the tokens file.
  init(
    environment: [String: String], cores: Int, readFile: @escaping SettingsReader.FileReader,
    readTokens: (String) throws(TokensFileError) -> TokensFile
  ) throws(ConfigurationError) {
    var reader = SettingsReader(environment, readFile: readFile)
    listen = reader.value(of: Settings.listen)
    let loopsGiven = reader.value(of: Settings.loops)
    loops = loopsGiven > 0 ? loopsGiven : max(1, cores)
    backend = reader.value(of: CommonSettings.backend)
    drain = reader.value(of: CommonSettings.drain)
    logLevel = reader.value(of: CommonSettings.logLevel)
    areCoreDumpsAllowed = reader.value(of: CommonSettings.areCoreDumpsAllowed)
    dataFolder = reader.value(of: Settings.dataFolder)
    cacheBytes = reader.value(of: Settings.cacheBytes)
    access = Configuration.access(&reader, listen: listen, readTokens: readTokens)
    isLocalOnly =
      if case .open = access { reader.value(of: Settings.openness) != .everything } else { false }
    crossOrigin = Configuration.crossOrigin(&reader, access: access)
    auditPath = Configuration.auditPath(&reader)
    telemetry = TelemetrySettings.configuration(&reader)
    limits = Configuration.limits(&reader)
    http = Configuration.http(&reader)
    isConnectionsMaxGiven = reader.isGiven(Settings.connectionsMax.description)
    if http.bodyBytesMax < limits.documentBytesMax {
      reader.report(
        Settings.bodyBytesMax.description,
        "at least \(ByteCount.text(limits.documentBytesMax)), the largest body that is accepted")
    }
    cluster = ClusterConfiguration(&reader)
    warnings =
      reader.warnings(knowing: Settings.all) + (cluster?.warnings ?? [])
      + Configuration.conflicts(http)
    guard reader.problems.isEmpty else { throw ConfigurationError(reader.problems, of: "kv-api") }
  }

  /// Without tokens the server is for its own machine only, unless KV_AUTH lets others in.
  private static func access(
    _ reader: inout SettingsReader, listen: SocketAddress,
    readTokens: (String) throws(TokensFileError) -> TokensFile
  ) -> Access {
    let path = reader.value(of: Settings.tokensFile)
    let openness = reader.value(of: Settings.openness)
    guard !path.isEmpty else {
      if openness == .ownMachine, !listen.isLoopback {
        reader.report(
          Settings.listen.description,
          "everybody who reaches this address could read and write all keys: set KV_TOKENS_FILE, "
            + "or KV_AUTH=local or disabled if that is meant, or listen on 127.0.0.1")
      }
      return .open
    }
    if openness != .ownMachine {
      reader.report(
        Settings.openness.description,
        "KV_TOKENS_FILE says that tokens are wanted: unset one of them")
    }
    do throws(TokensFileError) {
      return .tokens(try readTokens(path), path: path)
    } catch {
      reader.report(Settings.tokensFile.description, "\(error)")
      return .open
    }
  }

  private static func crossOrigin(_ reader: inout SettingsReader, access: Access) -> CrossOrigin? {
    let text = reader.value(of: Settings.corsOrigins)
    guard !text.isEmpty else { return nil }
    do throws(CrossOrigin.Invalid) {
      let crossOrigin = try CrossOrigin(parsing: text)
      if crossOrigin.isForAll, case .open = access {
        reader.report(
          Settings.corsOrigins.description,
          "every page that a browser here visits could read and write all keys: list origins, or "
            + "set KV_TOKENS_FILE")
      }
      return crossOrigin
    } catch {
      reader.report(Settings.corsOrigins.description, error.advice)
      return nil
    }
  }

  private static func auditPath(_ reader: inout SettingsReader) -> String? {
    let path = reader.value(of: Settings.auditFile)
    guard !path.isEmpty else { return nil }
    if let obstacle = AuditFile.obstacle(at: path) {
      reader.report(Settings.auditFile.description, "it can't be written: \(obstacle)")
    }
    return path
  }

  private static func limits(_ reader: inout SettingsReader) -> APILimits {
    var limits = APILimits()
    limits.valueBytesMax = reader.value(of: Settings.valueBytesMax)
    limits.watchersMax = reader.value(of: Settings.watchersMax)
    return limits
  }

  private static func http(_ reader: inout SettingsReader) -> HTTPConfiguration {
    var http = HTTPConfiguration()
    http.connectionsMax = reader.value(of: Settings.connectionsMax)
    http.bodyBytesMax = reader.value(of: Settings.bodyBytesMax)
    http.answerBytesMax = reader.value(of: Settings.answerBytesMax)
    http.headTimeout = reader.value(of: Settings.headTimeout)
    http.bodyTimeout = reader.value(of: Settings.bodyTimeout)
    http.writeTimeout = reader.value(of: Settings.writeTimeout)
    http.idleTimeout = reader.value(of: Settings.idleTimeout)
    return http
  }

  /// How long the door of `nginx/` keeps a connection (`keepalive_timeout` of upstream.conf).
  private static let doorIdleTime = Duration.seconds(45)

  /// Settings that are valid by themselves but do not fit what is around the server.
  private static func conflicts(_ http: HTTPConfiguration) -> [String] {
    guard http.idleTimeout <= doorIdleTime else { return [] }
    return [
      "KV_IDLE_TIMEOUT is \(http.idleTimeout.components.seconds): Nginx keeps connections for "
        + "\(doorIdleTime.components.seconds) s, and a request that it sends on one that was just "
        + "closed fails with 503; behind it, take more, or lower keepalive_timeout in upstream.conf"
    ]
  }

  /// Lowers the bound on connections to what the limit on descriptors allows. Throws if the bound
  /// was set.
  mutating func fitConnections(room: Int) throws(ConfigurationError) {
    guard room < http.connectionsMax else { return }
    let advice =
      "the limit on open files leaves room for \(room): raise its hard limit (ulimit -Hn, or "
      + "LimitNOFILE= in a systemd unit)"
    if isConnectionsMaxGiven {
      let setting = Settings.connectionsMax.description
      throw ConfigurationError(
        [SettingProblem(setting, value: String(http.connectionsMax), advice: advice)],
        of: "kv-api")
    }
    http.connectionsMax = room
    warnings.append("KV_MAX_CONNECTIONS is \(room): \(advice)")
  }
}
