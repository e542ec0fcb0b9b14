internal import Service

/// Every environment variable that kv-autoscaler reads. Parsing, `--help` and the documents come
/// from here.
enum Settings {
  static let listen = CommonSettings.listen(
    "127.0.0.1:8082", "Where operators and Prometheus find /metrics and /health.")

  // MARK: Watching

  static let prometheus = Setting(
    description: SettingDescription(
      name: "KV_AUTOSCALER_PROMETHEUS_URL", topic: .watching, fallback: "http://127.0.0.1:9090",
      allowed: "http:// or https:// with host, port, path, and user:password@ if needed",
      meaning: "The Prometheus that scrapes the services.", isSecret: true),
    fallback: PrometheusAddress.local, parse: { PrometheusAddress($0) })

  /// Empty: there is none.
  static let token = Setting(
    description: SettingDescription(
      name: "KV_AUTOSCALER_PROMETHEUS_TOKEN", topic: .watching, fallback: "", allowed: "text",
      meaning: "A bearer token for Prometheus.", isSecret: true),
    fallback: "", parse: { $0.contains(where: \.isWhitespace) ? nil : $0 })

  static let timeout = Setting.seconds(
    "KV_AUTOSCALER_PROMETHEUS_TIMEOUT", .watching, 5, 1...300,
    "How long Prometheus may take to answer; after that the metric counts as missing.")

  static let window = Setting.seconds(
    "KV_AUTOSCALER_WINDOW", .watching, 60, 5...3_600,
    "Rates and quantiles are taken over this time, which has to cover at least two scrapes. A "
      + "shorter one follows load faster, a longer one is calmer.")

  static let queue = name(
    "KV_AUTOSCALER_QUEUE", .watching, "kv.writes", "The queue that the workers empty.")

  static let queueJob = name(
    "KV_AUTOSCALER_QUEUE_JOB", .watching, "rabbitmq-queues",
    "The job of Prometheus that has RabbitMQ's metrics by queue (/metrics/detailed with "
      + "family=queue_coarse_metrics).")

  // MARK: Acting

  static let preset = Setting<CommandPreset?>.choice(
    "KV_AUTOSCALER_PRESET", .acting, nil,
    among: ["compose": .compose, "swarm": .swarm, "kubectl": .kubectl, "cluster": .cluster],
    shown: "",
    "The command that sets the number: docker compose, docker service scale, kubectl scale, or "
      + "scripts/cluster of the native cluster.")

  /// Empty: the preset's.
  static let command = Setting(
    description: SettingDescription(
      name: "KV_AUTOSCALER_COMMAND", topic: .acting, fallback: "the preset's",
      allowed: "a command with {service} and {replicas}, and with {other} and {other_replicas} "
        + "for the service that keeps its number",
      meaning: "A command of your own. Words are split at spaces outside of quotation marks; no "
        + "shell is involved. It has to set the number, not to add to it."),
    fallback: "", parse: { $0 })

  static let commandTimeout = Setting.seconds(
    "KV_AUTOSCALER_COMMAND_TIMEOUT", .acting, 120, 1...3_600,
    "How long a command may take; then it is ended, and repeated if it is still needed.")

  static let settling = Setting.seconds(
    "KV_AUTOSCALER_SETTLE", .acting, 60, 0...3_600,
    "How long replicas may take to start or stop after a command. Until then only more replicas "
      + "are asked for.")

  // MARK: Pace

  static let interval = Setting.seconds(
    "KV_AUTOSCALER_INTERVAL", .pace, 15, 1...3_600, "From one decision to the next.")

  static let tolerance = Setting.count(
    "KV_AUTOSCALER_TOLERANCE", .pace, 10, 0...100,
    "Percent by which a metric may be off its target before it matters.")

  static let stabilization = Setting.seconds(
    "KV_AUTOSCALER_DOWN_WINDOW", .pace, 300, 0...86_400,
    "Replicas are removed only if no decision within this time has recommended more.")

  static let upReplicas = Setting.count(
    "KV_AUTOSCALER_UP_REPLICAS", .pace, 4, 0...1_000,
    "Replicas that may be added within KV_AUTOSCALER_UP_PERIOD, or the percentage if that is more.")

  static let upPercent = Setting.count(
    "KV_AUTOSCALER_UP_PERCENT", .pace, 100, 0...1_000,
    "Percent of the replicas that may be added within KV_AUTOSCALER_UP_PERIOD.")

  static let upPeriod = Setting.seconds(
    "KV_AUTOSCALER_UP_PERIOD", .pace, 15, 1...3_600, "The period of these two limits.")

  static let downReplicas = Setting.count(
    "KV_AUTOSCALER_DOWN_REPLICAS", .pace, 1, 0...1_000,
    "Replicas that may be removed within KV_AUTOSCALER_DOWN_PERIOD, or the percentage if that is "
      + "more.")

  static let downPercent = Setting.count(
    "KV_AUTOSCALER_DOWN_PERCENT", .pace, 10, 0...100,
    "Percent of the replicas that may be removed within KV_AUTOSCALER_DOWN_PERIOD.")

  static let downPeriod = Setting.seconds(
    "KV_AUTOSCALER_DOWN_PERIOD", .pace, 60, 1...3_600, "The period of these two limits.")

  /// All of them, in the order of `--help`.
  static let all: [SettingDescription] =
    [
      listen.description, CommonSettings.backend.description, CommonSettings.drain.description,
      CommonSettings.logLevel.description, CommonSettings.areCoreDumpsAllowed.description,
      prometheus.description, token.description, timeout.description, window.description,
      queue.description, queueJob.description,
      preset.description, command.description, commandTimeout.description, settling.description,
      interval.description, tolerance.description, stabilization.description,
      upReplicas.description, upPercent.description, upPeriod.description,
      downReplicas.description, downPercent.description, downPeriod.description,
    ] + ServiceSettings.api.all + ServiceSettings.worker.all

  /// What `--help` says.
  static let help = SettingsHelp.text(
    lead: [
      "Every few seconds it asks Prometheus how busy kv-api and kv-worker are, and",
      "has a command change the number of their replicas. It says why in its log and",
      "its metrics, acts on nothing that is not measured, and can be restarted at any",
      "time. Run only one instance. Settings are environment variables; an empty one",
      "counts as not set. Every setting that is wrong is named at the start.",
    ], settings: all)

  /// A name without spaces.
  static func name(
    _ name: String, _ topic: SettingDescription.Topic, _ fallback: String, _ meaning: String
  ) -> Setting<String> {
    Setting(
      description: SettingDescription(
        name: name, topic: topic, fallback: fallback, allowed: "a name", meaning: meaning),
      fallback: fallback, parse: { $0.contains(where: \.isWhitespace) ? nil : $0 })
  }
}

/// The settings of one of the services that are scaled.
struct ServiceSettings {
  /// A metric that may have a target.
  struct Target {
    let metric: ScalingMetric
    /// 0: the metric is not used.
    let setting: Setting<Int>
    /// How many of the setting's units make one of the metric's: 100 for percent of a core.
    let parts: Double
  }

  let kind: ScaledService.Kind
  let name: Setting<String>
  let job: Setting<String>
  let least: Setting<Int>
  let most: Setting<Int>
  let targets: [Target]
  private let others: [SettingDescription]

  /// All of them, in the order of `--help`.
  var all: [SettingDescription] {
    [name.description, job.description, least.description, most.description]
      + targets.map(\.setting.description) + others
  }

  static let api = ServiceSettings(
    kind: .api, prefix: "KV_AUTOSCALER_API", topic: .scalingAPI,
    targets: [
      cpu("KV_AUTOSCALER_API", .scalingAPI),
      Target(
        metric: .requests,
        setting: target(
          "KV_AUTOSCALER_API_REQUESTS", .scalingAPI, 5_000, 10_000_000,
          "Requests a second that a replica should answer."),
        parts: 1),
      Target(
        metric: .latency,
        setting: target(
          "KV_AUTOSCALER_API_LATENCY", .scalingAPI, 250, 60_000,
          "Milliseconds that 95 % of requests should take at most. More replicas do not help "
            + "against a slow database: keep it well above what that needs."),
        parts: 1_000),
      Target(
        metric: .inFlight,
        setting: target(
          "KV_AUTOSCALER_API_IN_FLIGHT", .scalingAPI, 100, 1_000_000,
          "Requests that a replica should be answering at a time."),
        parts: 1),
    ])

  static let backlogWritesMin = Setting.count(
    "KV_AUTOSCALER_WORKER_BACKLOG_MIN", .scalingWorker, 1_000, 1...1_000_000_000,
    "Fewer queued writes than this are no backlog, however slowly they go.")

  static let worker = ServiceSettings(
    kind: .worker, prefix: "KV_AUTOSCALER_WORKER", topic: .scalingWorker,
    targets: [
      Target(
        metric: .backlog,
        setting: target(
          "KV_AUTOSCALER_WORKER_BACKLOG", .scalingWorker, 30, 86_400,
          "Seconds that the workers should need at most to empty their queue: its depth, divided "
            + "by the writes that they finish in a second."),
        parts: 1),
      cpu("KV_AUTOSCALER_WORKER", .scalingWorker),
    ], others: [backlogWritesMin.description])

  private init(
    kind: ScaledService.Kind, prefix: String, topic: SettingDescription.Topic, targets: [Target],
    others: [SettingDescription] = []
  ) {
    self.kind = kind
    name = Settings.name(
      "\(prefix)_SERVICE", topic, kind.rawValue, "The name of the service in the command.")
    job = Settings.name(
      "\(prefix)_JOB", topic, kind.rawValue, "The job of its replicas in Prometheus.")
    least = .count("\(prefix)_MIN", topic, 2, 1...1_000, "The fewest replicas.")
    most = .count("\(prefix)_MAX", topic, 10, 1...1_000, "The most replicas.")
    self.targets = targets
    self.others = others
  }

  private static func cpu(_ prefix: String, _ topic: SettingDescription.Topic) -> Target {
    Target(
      metric: .cpu,
      setting: target(
        "\(prefix)_CPU", topic, 70, 100_000,
        "Percent of one core that a replica should use: about 70 % of what it may use."),
      parts: 100)
  }

  private static func target(
    _ name: String, _ topic: SettingDescription.Topic, _ fallback: Int, _ most: Int,
    _ meaning: String
  ) -> Setting<Int> {
    .count(name, topic, fallback, 0...most, meaning + " 0: not used.")
  }
}
