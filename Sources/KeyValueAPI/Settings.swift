internal import Cluster
internal import Service

/// Every environment variable that kv-api reads. Parsing, `--help` and the documents come from
/// here.
enum Settings {
  // MARK: Serving

  static let listen = CommonSettings.listen("127.0.0.1:8080", "Where clients connect.")

  /// 0: one for each core that the process may use.
  static let loops = Setting<Int>(
    description: SettingDescription(
      name: "KV_LOOPS", topic: .serving, fallback: "the cores that it may use",
      allowed: "1 to 256",
      meaning: "Event loops, each a thread. A container's quota of cores counts, rounded up."),
    fallback: 0, parse: { Int($0).flatMap { (1...256).contains($0) ? $0 : nil } })

  // MARK: Storing

  static let dataFolder = Setting(
    description: SettingDescription(
      name: "KV_DATA_DIR", topic: .storing, fallback: "./data", allowed: "a path",
      meaning: "The folder of the database; made if it is missing, used by one process at a time."),
    fallback: "./data", parse: { $0.contains("\0") ? nil : $0 })

  static let cacheBytes = Setting.bytes(
    "KV_CACHE_BYTES", .storing, 64 << 20, 0...(1 << 40),
    "Memory for entries that are read often.")

  // MARK: Authentication

  /// Empty: none.
  static let tokensFile = Setting<String>(
    description: SettingDescription(
      name: "KV_TOKENS_FILE", topic: .authentication, fallback: "", allowed: "a path",
      meaning: "Who may use the server: one token a line, as name, SHA-256 of the token, scopes "
        + "(read,write,admin), key prefix (* for all) and, if wanted, requests a second, separated "
        + "by spaces. Read again at SIGHUP. Without it the server listens on a loopback address "
        + "only, and answers only where Host is localhost or an IP address."),
    fallback: "", parse: { $0.contains("\0") ? nil : $0 })

  /// What is let in without a token.
  enum Openness {
    /// This machine alone: a loopback address, asked for by `localhost` or an address.
    case ownMachine
    /// Any client that can connect, asking for `localhost` or an address.
    case localNames
    /// Any client that can connect, whatever name it asks for.
    case everything
  }

  static let openness = Setting.choice(
    "KV_AUTH", .authentication, Openness.ownMachine,
    among: ["local": .localNames, "disabled": .everything], shown: "",
    "Lets every client that can connect do everything, on any address. local: only where Host is "
      + "localhost or an IP address, so that no web page can use the server by a host name of its "
      + "own; for a port that is published on the loopback address. disabled: by any host name.")

  /// Empty: none.
  static let corsOrigins = Setting<String>(
    description: SettingDescription(
      name: "KV_CORS_ORIGINS", topic: .authentication, fallback: "",
      allowed: "origins as https://app.example.com or http://localhost:3000, with commas between "
        + "them, or *",
      meaning: "The origins whose web pages may use the API from a browser. * is every origin, and "
        + "needs KV_TOKENS_FILE."),
    fallback: "", parse: { $0 })

  /// Empty: none.
  static let auditFile = Setting<String>(
    description: SettingDescription(
      name: "KV_AUDIT_FILE", topic: .authentication, fallback: "", allowed: "a path",
      meaning: "The audit log: a JSON line for each request that writes, with the time, the name "
        + "of the token, the request id, route, method, status, and the SHA-256 of the key. "
        + "Opened again at SIGHUP. Without it there is none."),
    fallback: "", parse: { $0.contains("\0") ? nil : $0 })

  // MARK: Limits

  static let connectionsMax = Setting.count(
    "KV_MAX_CONNECTIONS", .limits, 16_384, 1...1_000_000,
    "Connections at a time; one more is answered 503. Each needs a file descriptor.")

  static let watchersMax = Setting.count(
    "KV_MAX_WATCHERS", .limits, 10_000, 1...1_000_000,
    "Clients that watch changes at a time; one more is answered 503.")

  static let valueBytesMax = Setting.bytes(
    "KV_MAX_VALUE_BYTES", .limits, 1 << 20, 1...(8 << 20),
    "The largest value.")

  static let bodyBytesMax = Setting.bytes(
    "KV_BODY_BUFFER_BYTES", .limits, 256 << 20, (8 << 20)...(1 << 40),
    "Memory for request bodies, all together, as far as they have arrived; a body that does not "
      + "fit is answered 503. Those over 64 KiB leave a quarter of it to smaller ones.")

  static let answerBytesMax = Setting.bytes(
    "KV_ANSWER_BUFFER_BYTES", .limits, 256 << 20, (16 << 20)...(1 << 40),
    "Memory for answers, from before they are made until they are sent, all together. From a half "
      + "on pages and batches of values wait, then are answered 503; from three quarters on all "
      + "reads; past it, the connections of slow clients are closed.")

  // MARK: Timeouts

  static let headTimeout = Setting.seconds(
    "KV_HEADER_TIMEOUT", .timeouts, 10, 1...3_600,
    "From the first byte of a header to its last; then 408.")

  static let bodyTimeout = Setting.seconds(
    "KV_BODY_TIMEOUT", .timeouts, 10, 1...3_600,
    "In this time 4 KiB of a body a second, or the rest of it, have to arrive; else 408.")

  static let writeTimeout = Setting.seconds(
    "KV_WRITE_TIMEOUT", .timeouts, 10, 1...3_600,
    "In this time a client has to read 4 KiB of an answer a second, or the rest of it; else its "
      + "connection is closed.")

  static let idleTimeout = Setting.seconds(
    "KV_IDLE_TIMEOUT", .timeouts, 60, 1...86_400,
    "How long a connection may wait for its next request; then it is closed.")

  /// All of them, in the order of `--help`.
  static let all: [SettingDescription] =
    [
      listen.description, loops.description, CommonSettings.backend.description,
      CommonSettings.drain.description, CommonSettings.logLevel.description,
      CommonSettings.areCoreDumpsAllowed.description,
      dataFolder.description, cacheBytes.description,
      tokensFile.description, openness.description, corsOrigins.description,
      auditFile.description, connectionsMax.description,
      watchersMax.description,
      valueBytesMax.description, bodyBytesMax.description, answerBytesMax.description,
      headTimeout.description,
      bodyTimeout.description, writeTimeout.description, idleTimeout.description,
    ] + TelemetrySettings.all + ClusterSettings.all

  /// What `--help` says.
  static let help = SettingsHelp.text(
    lead: [
      "Serves keys over HTTP: from a database in its data folder, or, with the",
      "settings of a cluster, from CockroachDB, Redis and RabbitMQ. Settings are",
      "environment variables; an empty one counts as not set. Every setting that is",
      "wrong is named at the start.",
    ], settings: all)
}
