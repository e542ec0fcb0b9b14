internal import Cluster
internal import EventLoop
internal import Logging
internal import Service
internal import Telemetry

/// All that an operator decides, checked.
struct Configuration: ProgramConfiguration {
  let listen: SocketAddress
  let backend: PollerBackend
  let drain: Duration
  let logLevel: Logger.Level
  let areCoreDumpsAllowed: Bool
  /// Messages that the broker delivers before the first is acknowledged.
  let prefetch: Int
  /// Bytes of messages that were delivered and are not acknowledged.
  let heldBytesMax: Int
  /// Where spans go; nil: none is recorded.
  let telemetry: TelemetryConfiguration?
  let cluster: ClusterConfiguration
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
    areCoreDumpsAllowed = reader.value(of: CommonSettings.areCoreDumpsAllowed)
    prefetch = reader.value(of: Settings.prefetch)
    heldBytesMax = reader.value(of: Settings.heldBytesMax)
    telemetry = TelemetrySettings.configuration(&reader)
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

/// Every environment variable that kv-worker reads. Parsing, `--help` and the documents come from
/// here.
enum Settings {
  static let listen = CommonSettings.listen(
    "127.0.0.1:8081", "Where operators and Prometheus find /metrics and /health.")

  static let prefetch = Setting.count(
    "KV_WORKER_PREFETCH", .limits, 400, 1...65_535,
    "Messages that RabbitMQ delivers before the first of them is acknowledged. Under load each "
      + "carries hundreds of queued writes.")

  static let heldBytesMax = Setting.bytes(
    "KV_WORKER_BYTES", .limits, 64 << 20, 1 << 20...1 << 40,
    "Memory for messages that were delivered and are not acknowledged; a single message may exceed "
      + "it. More messages wait in RabbitMQ. While messages are applied they take about the same "
      + "amount again.")

  /// All of them, in the order of `--help`.
  static let all: [SettingDescription] =
    [
      listen.description, CommonSettings.backend.description, CommonSettings.drain.description,
      CommonSettings.logLevel.description, CommonSettings.areCoreDumpsAllowed.description,
      prefetch.description,
      heldBytesMax.description,
    ] + TelemetrySettings.all + ClusterSettings.all

  /// What `--help` says.
  static let help = SettingsHelp.text(
    lead: [
      "Applies what kv-api has queued in RabbitMQ, publishes and repairs what a kv-api",
      "that died has left undone, and purges what has expired. Any number of workers",
      "may run at once. Settings are environment variables; an empty one counts as not",
      "set. Every setting that is wrong is named at the start.",
    ], settings: all)
}
