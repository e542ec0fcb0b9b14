/// A service that is scaled: where its replicas are seen, what they are measured by, and how many
/// there may be.
struct ScaledService: Equatable, Sendable {
  /// Which of the two it is.
  enum Kind: String, CaseIterable, Sendable {
    case api = "kv-api"
    case worker = "kv-worker"
  }

  let kind: Kind
  /// What commands call it.
  let name: String
  /// What Prometheus calls its targets.
  let job: String
  /// How it is decided on.
  let policy: ScalingPolicy
  /// What each metric should be, in its own unit; one without a target is not looked at.
  let targets: [ScalingMetric: Double]
}
