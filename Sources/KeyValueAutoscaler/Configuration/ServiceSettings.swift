internal import Node

/// The settings of one of the services that are scaled.
struct ServiceSettings {
  /// A metric that may have a target.
  struct Target {
    let metric: ScalingMetric
    /// 0: the metric is not looked at.
    let setting: Setting<Int>
    /// How many of the setting's unit are one of the metric's: 100 for percent of a core.
    let parts: Double
  }

  let kind: ScaledService.Kind
  let name: Setting<String>
  let job: Setting<String>
  let least: Setting<Int>
  let most: Setting<Int>
  let targets: [Target]
  /// Settings that only this service has.
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

  /// Fewer messages are no backlog.
  static let backlogMessagesMin = Setting.count(
    "KV_AUTOSCALER_WORKER_BACKLOG_MIN", .scalingWorker, 1_000, 1...1_000_000_000,
    "Fewer messages than this are no backlog, however slowly they go.")

  static let worker = ServiceSettings(
    kind: .worker, prefix: "KV_AUTOSCALER_WORKER", topic: .scalingWorker,
    targets: [
      Target(
        metric: .backlog,
        setting: target(
          "KV_AUTOSCALER_WORKER_BACKLOG", .scalingWorker, 30, 86_400,
          "Seconds that the workers should need at most to empty their queue: its depth, divided "
            + "by what they are done with a second."),
        parts: 1),
      cpu("KV_AUTOSCALER_WORKER", .scalingWorker),
    ], others: [backlogMessagesMin.description])

  private init(
    kind: ScaledService.Kind, prefix: String, topic: SettingDescription.Topic, targets: [Target],
    others: [SettingDescription] = []
  ) {
    self.kind = kind
    name = Settings.name(
      "\(prefix)_SERVICE", topic, kind.rawValue, "What the command calls the service.")
    job = Settings.name(
      "\(prefix)_JOB", topic, kind.rawValue, "The job of Prometheus that has its replicas.")
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
    .count(name, topic, fallback, 0...most, meaning + " 0: this is not looked at.")
  }
}
