/// What an operator has to know of one environment variable: `--help` prints it, errors quote it.
struct SettingDescription: Sendable {
  /// What a setting is about: the headings of `--help`, in order.
  enum Topic: String, CaseIterable, Sendable {
    case serving = "Serving"
    case storing = "Storing"
    case authentication = "Authentication"
    case limits = "Limits"
    case timeouts = "Timeouts"
    case cluster = "Cluster (not in this build, which has only the embedded store)"
  }

  /// The name of the variable.
  let name: String
  /// Where `--help` lists it.
  let topic: Topic
  /// The default in words or as it would be given; empty: none.
  let fallback: String
  /// What may be given, with its unit and bounds.
  let allowed: String
  /// What it does, in a sentence or two.
  let meaning: String
  /// Whether its value is never printed, and may come from the file that `<name>_FILE` names.
  var isSecret = false
}
