internal import EventLoop
internal import Logging
internal import Node

/// All that an operator decides, checked. Made once, at the start; nothing else reads the
/// environment.
struct Configuration: Sendable {
  /// Where operators connect.
  let listen: SocketAddress
  /// How the event loop waits for sockets.
  let backend: PollerBackend
  /// How long work in progress may take after SIGTERM.
  let drain: Duration
  /// What is logged.
  let logLevel: Logger.Level
  /// Messages handed out before the first is done.
  let prefetch: Int
  /// Bytes of messages that were handed out and are not done.
  let heldBytesMax: Int
  /// The services of the cluster.
  let cluster: ClusterConfiguration
  /// What is odd but allowed, for the log.
  let warnings: [String]

  /// Reads the settings; the error names all that are wrong.
  init(
    environment: [String: String], readFile: @escaping SettingsReader.FileReader
  ) throws(ConfigurationError) {
    var reader = SettingsReader(environment, readFile: readFile)
    listen = reader.value(of: Settings.listen)
    backend = reader.value(of: CommonSettings.backend)
    drain = reader.value(of: CommonSettings.drain)
    logLevel = reader.value(of: CommonSettings.logLevel)
    prefetch = reader.value(of: Settings.prefetch)
    heldBytesMax = reader.value(of: Settings.heldBytesMax)
    let cluster = ClusterConfiguration(&reader)
    warnings = reader.warnings(knowing: Settings.all) + (cluster?.warnings ?? [])
    if cluster == nil, reader.problems.isEmpty {
      reader.report(
        ClusterSettings.databaseURL.description,
        "a worker needs KV_DATABASE_URL, KV_REDIS_SENTINELS (or KV_REDIS_URL) and KV_AMQP_URLS")
    }
    guard let cluster, reader.problems.isEmpty else {
      throw ConfigurationError(reader.problems, of: "kv-worker")
    }
    self.cluster = cluster
  }
}
