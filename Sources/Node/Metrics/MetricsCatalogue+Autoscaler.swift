package import Observability

// What kv-autoscaler tells of its decisions; all but the last two by `service`, which is kv-api or
// kv-worker.
extension MetricsCatalogue {
  package static let scalingReplicas = MetricDescription.gauge(
    "kv_autoscaler_replicas", "Replicas that there are; missing while nobody can tell.")
  package static let scalingDesired = MetricDescription.gauge(
    "kv_autoscaler_desired_replicas", "Replicas that there should be, by the last decision.")
  package static let scalingRecommended = MetricDescription.gauge(
    "kv_autoscaler_recommended_replicas",
    "Replicas that the metrics alone ask for, before stabilization and step limits.")
  package static let scalingMinimum = MetricDescription.gauge(
    "kv_autoscaler_min_replicas", "The fewest replicas that are allowed.")
  package static let scalingMaximum = MetricDescription.gauge(
    "kv_autoscaler_max_replicas", "The most replicas that are allowed.")
  package static let scalingValue = MetricDescription.gauge(
    "kv_autoscaler_metric_value",
    "What was measured, by metric: cores, requests a second, seconds; missing if it was not.")
  package static let scalingTarget = MetricDescription.gauge(
    "kv_autoscaler_metric_target", "What the metric should be, in the same unit.")
  package static let scalingProposal = MetricDescription.gauge(
    "kv_autoscaler_metric_replicas", "Replicas that one metric asks for.")
  package static let scalingMissing = MetricDescription.gauge(
    "kv_autoscaler_metric_missing",
    "1 if the metric could not be measured the last time: nothing is scaled down then.")
  package static let scalingReason = MetricDescription.gauge(
    "kv_autoscaler_reason", "1 for each reason that the last decision had.")
  package static let scalingDecisions = MetricDescription.counter(
    "kv_autoscaler_decisions_total", "Decisions, by direction: up, down, hold or unknown.")
  package static let scalingCommands = MetricDescription.counter(
    "kv_autoscaler_commands_total", "Commands that were to change replicas, by result.")
  package static let scalingCommandSeconds = MetricDescription.histogram(
    "kv_autoscaler_command_duration_seconds", "How long commands took.",
    bounds: HistogramBounds(
      [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000]
        .map { $0 * 1_000_000 }, scale: 1e9))
  package static let scalingTime = MetricDescription.gauge(
    "kv_autoscaler_last_decision_timestamp_seconds",
    "When the last round of decisions ended, in seconds since the Unix epoch.")
  package static let scalingIsDry = MetricDescription.gauge(
    "kv_autoscaler_dry_run", "1 if decisions are only told, not carried out.")

  /// All of them.
  package static let autoscaler = [
    scalingReplicas, scalingDesired, scalingRecommended, scalingMinimum, scalingMaximum,
    scalingValue, scalingTarget, scalingProposal, scalingMissing, scalingReason, scalingDecisions,
    scalingCommands, scalingCommandSeconds, scalingTime, scalingIsDry,
  ]
}
