/// What an operator has to know of one environment variable: `--help` prints it, errors quote it.
package struct SettingDescription: Sendable {
  /// What a setting is about: the headings of `--help`, in order.
  package enum Topic: String, CaseIterable, Sendable {
    case serving = "Serving"
    case storing = "Storing"
    case authentication = "Authentication"
    case limits = "Limits"
    case timeouts = "Timeouts"
    case cluster = "Cluster"
    case watching = "Watching"
    case acting = "Acting"
    case pace = "Pace"
    case scalingAPI = "Scaling kv-api"
    case scalingWorker = "Scaling kv-worker"
  }

  /// The name of the variable.
  package let name: String
  /// Where `--help` lists it.
  package let topic: Topic
  /// The default in words or as it would be given; empty: none.
  package let fallback: String
  /// What may be given, with its unit and bounds.
  package let allowed: String
  /// What it does, in a sentence or two.
  package let meaning: String
  /// Whether its value is never printed, and may come from the file that `<name>_FILE` names.
  package let isSecret: Bool

  /// Describes a setting; secret only if it says so.
  package init(
    name: String, topic: Topic, fallback: String, allowed: String, meaning: String,
    isSecret: Bool = false
  ) {
    self.name = name
    self.topic = topic
    self.fallback = fallback
    self.allowed = allowed
    self.meaning = meaning
    self.isSecret = isSecret
  }
}
