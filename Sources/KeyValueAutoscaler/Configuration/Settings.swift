internal import Node

/// Every environment variable that kv-autoscaler reads. Parsing, `--help` and the documents come
/// from here; what belongs to one of the two services is in `ServiceSettings`.
enum Settings {
  static let listen = CommonSettings.listen(
    "127.0.0.1:8082", "Where operators and Prometheus find /metrics and /health.")

  // MARK: Watching

  static let prometheus = Setting(
    description: SettingDescription(
      name: "KV_AUTOSCALER_PROMETHEUS_URL", topic: .watching, fallback: "http://127.0.0.1:9090",
      allowed: "http:// or https:// with host, port, path, and user:password@ if it wants them",
      meaning: "The Prometheus that measures everything.", isSecret: true),
    fallback: PrometheusAddress.local, parse: { PrometheusAddress($0) })

  /// Empty: there is none.
  static let token = Setting(
    description: SettingDescription(
      name: "KV_AUTOSCALER_PROMETHEUS_TOKEN", topic: .watching, fallback: "", allowed: "text",
      meaning: "A bearer token that Prometheus wants to see.", isSecret: true),
    fallback: "", parse: { $0.contains(where: \.isWhitespace) ? nil : $0 })

  static let timeout = Setting.seconds(
    "KV_AUTOSCALER_PROMETHEUS_TIMEOUT", .watching, 5, 1...300,
    "How long an answer of Prometheus may take; then what was asked for is missing.")

  static let window = Setting.seconds(
    "KV_AUTOSCALER_WINDOW", .watching, 60, 5...3_600,
    "Rates and quantiles are taken over this time, which has to hold at least two looks of "
      + "Prometheus. Shorter follows load faster, longer is calmer.")

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
    "What carries decisions out: docker compose, docker service scale, kubectl scale, or "
      + "scripts/cluster of the native cluster.")

  /// Empty: that of the preset.
  static let command = Setting(
    description: SettingDescription(
      name: "KV_AUTOSCALER_COMMAND", topic: .acting, fallback: "the preset's",
      allowed: "a command with {service} and {replicas}, and with {other} and {other_replicas} "
        + "for the service that stays as it is",
      meaning: "A command of your own. Words are split at spaces outside of quotation marks; no "
        + "shell is involved. It has to set the number, not to add to it."),
    fallback: "", parse: { $0 })

  static let commandTimeout = Setting.seconds(
    "KV_AUTOSCALER_COMMAND_TIMEOUT", .acting, 120, 1...3_600,
    "How long a command may take; then it is ended, and tried again if it is still needed.")

  static let settling = Setting.seconds(
    "KV_AUTOSCALER_SETTLE", .acting, 60, 0...3_600,
    "How long replicas may take to come or go after a command. Until then only more of them are "
      + "asked for.")

  // MARK: Pace

  static let interval = Setting.seconds(
    "KV_AUTOSCALER_INTERVAL", .pace, 15, 1...3_600, "From one decision to the next.")

  static let tolerance = Setting.count(
    "KV_AUTOSCALER_TOLERANCE", .pace, 10, 0...100,
    "Percent by which a metric may be off its target before it matters.")

  static let stabilization = Setting.seconds(
    "KV_AUTOSCALER_DOWN_WINDOW", .pace, 300, 0...86_400,
    "Replicas go only if none of the decisions of this time has recommended more.")

  static let upReplicas = Setting.count(
    "KV_AUTOSCALER_UP_REPLICAS", .pace, 4, 0...1_000,
    "Replicas that may come within KV_AUTOSCALER_UP_PERIOD, or the percentage if that is more.")

  static let upPercent = Setting.count(
    "KV_AUTOSCALER_UP_PERCENT", .pace, 100, 0...1_000,
    "Percent of the replicas that may come within KV_AUTOSCALER_UP_PERIOD.")

  static let upPeriod = Setting.seconds(
    "KV_AUTOSCALER_UP_PERIOD", .pace, 15, 1...3_600, "The time that these two count for.")

  static let downReplicas = Setting.count(
    "KV_AUTOSCALER_DOWN_REPLICAS", .pace, 1, 0...1_000,
    "Replicas that may go within KV_AUTOSCALER_DOWN_PERIOD, or the percentage if that is more.")

  static let downPercent = Setting.count(
    "KV_AUTOSCALER_DOWN_PERCENT", .pace, 10, 0...100,
    "Percent of the replicas that may go within KV_AUTOSCALER_DOWN_PERIOD.")

  static let downPeriod = Setting.seconds(
    "KV_AUTOSCALER_DOWN_PERIOD", .pace, 60, 1...3_600, "The time that these two count for.")

  /// All of them, in the order of `--help`.
  static let all: [SettingDescription] =
    [
      listen.description, CommonSettings.backend.description, CommonSettings.drain.description,
      CommonSettings.logLevel.description,
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
      "time. Run one of it. Settings are environment variables; an empty one counts",
      "as not set. Every setting that is wrong is named at the start.",
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
