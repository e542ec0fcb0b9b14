internal import Foundation
internal import Observability
internal import Service
internal import Synchronization

/// Keeps the last decisions for the metrics and the health, and counts decisions and commands.
final class AutoscalerMetrics: Sendable {
  /// Which way a decision went.
  enum Direction: String, CaseIterable { case up, down, hold, unknown }

  private struct State {
    var decisions: [ScaledService.Kind: ScalingDecision] = [:]
    var outcomes: [ScaledService.Kind: CommandOutcome] = [:]
    /// Seconds since 1970.
    var endOfRound: Double?
  }

  private let state = Mutex(State())
  private let services: [ScaledService]
  private let isDryRun: Bool
  private let directions: [ScaledService.Kind: LabelledCounters<Direction>]
  private let results: [ScaledService.Kind: LabelledCounters<CommandOutcome.Label>]
  private let seconds: [ScaledService.Kind: Histogram]

  init(_ services: [ScaledService], registry: MetricsRegistry, isDryRun: Bool) {
    self.services = services
    self.isDryRun = isDryRun
    directions = Self.byKind(services) {
      LabelledCounters(MetricsCatalogue.scalingDecisions, by: "direction", with: [$0], in: registry)
    }
    results = Self.byKind(services) {
      LabelledCounters(MetricsCatalogue.scalingCommands, by: "result", with: [$0], in: registry)
    }
    seconds = Self.byKind(services) {
      registry.histogram(MetricsCatalogue.scalingCommandSeconds, [$0])
    }
    registry.collect { [weak self] in self?.samples() ?? [] }
  }

  private static func byKind<Metric>(
    _ services: [ScaledService], _ make: (MetricLabel) -> Metric
  ) -> [ScaledService.Kind: Metric] {
    Dictionary(uniqueKeysWithValues: services.map { ($0.kind, make(label($0.kind))) })
  }

  private static func label(_ kind: ScaledService.Kind) -> MetricLabel {
    MetricLabel("service", kind.rawValue)
  }

  // MARK: Events

  /// A decision was made.
  func decided(_ decision: ScalingDecision, on kind: ScaledService.Kind) {
    state.withLock { $0.decisions[kind] = decision }
    let direction: Direction
    if let replicas = decision.replicas, let desired = decision.desired {
      direction = desired == replicas ? .hold : desired > replicas ? .up : .down
    } else {
      direction = .unknown
    }
    directions[kind]?[direction].add()
  }

  /// A command ended.
  func acted(_ outcome: CommandOutcome, on kind: ScaledService.Kind, duration: Duration) {
    state.withLock { $0.outcomes[kind] = outcome }
    results[kind]?[outcome.label].add()
    seconds[kind]?.observe(duration)
  }

  /// All services have been decided on.
  func roundEnded() {
    let now = Date.now.timeIntervalSince1970
    state.withLock { $0.endOfRound = now }
  }

  // MARK: State

  /// Whether there was a round.
  var hasDecided: Bool { state.withLock { $0.endOfRound != nil } }

  /// Whether replicas could be counted, and whether the last commands succeeded.
  var health: [(name: String, isHealthy: Bool)] {
    let state = state.withLock { $0 }
    return [
      ("prometheus", state.decisions.values.contains { $0.replicas != nil }),
      ("commands", state.outcomes.values.allSatisfy { $0 == .succeeded }),
    ]
  }

  private func samples() -> [MetricSample] {
    let state = state.withLock { $0 }
    var samples = [MetricSample(MetricsCatalogue.scalingIsDry, [], isDryRun ? 1 : 0)]
    if let end = state.endOfRound {
      samples.append(MetricSample(MetricsCatalogue.scalingTime, [], end))
    }
    for service in services {
      let bounds = service.policy.limits.replicas
      let label = Self.label(service.kind)
      samples += [
        MetricSample(MetricsCatalogue.scalingMinimum, [label], Double(bounds.lowerBound)),
        MetricSample(MetricsCatalogue.scalingMaximum, [label], Double(bounds.upperBound)),
      ]
      if let decision = state.decisions[service.kind] {
        samples += DecisionSamples.make(decision, label)
      }
    }
    return samples
  }
}

/// The samples of one decision. What is not known is left out.
private enum DecisionSamples {
  static func make(_ decision: ScalingDecision, _ service: MetricLabel) -> [MetricSample] {
    let counts = [
      (MetricsCatalogue.scalingReplicas, decision.replicas),
      (MetricsCatalogue.scalingDesired, decision.desired),
      (MetricsCatalogue.scalingRecommended, decision.recommendation),
    ]
    let labels = Set(decision.reasons.map(\.label))
    return counts.compactMap { description, count in
      count.map { MetricSample(description, [service], Double($0)) }
    }
      + decision.proposals.flatMap { samples(of: $0, service) }
      + ScalingReason.Label.allCases.map {
        MetricSample(
          MetricsCatalogue.scalingReason, [service, MetricLabel("reason", $0.rawValue)],
          labels.contains($0) ? 1 : 0)
      }
  }

  private static func samples(
    of proposal: ScalingDecision.Proposal, _ service: MetricLabel
  ) -> [MetricSample] {
    let reading = proposal.reading
    let labels = [service, MetricLabel("metric", reading.metric.rawValue)]
    var samples = [
      MetricSample(MetricsCatalogue.scalingTarget, labels, reading.target),
      MetricSample(MetricsCatalogue.scalingMissing, labels, reading.number == nil ? 1 : 0),
    ]
    if let number = reading.number {
      samples.append(MetricSample(MetricsCatalogue.scalingValue, labels, number))
    }
    if let replicas = proposal.replicas {
      samples.append(MetricSample(MetricsCatalogue.scalingProposal, labels, Double(replicas)))
    }
    return samples
  }
}

// MARK: - The catalogue

// All but the last two have the label `service`, which is kv-api or kv-worker.
extension MetricsCatalogue {
  static let scalingReplicas = MetricDescription.gauge(
    "kv_autoscaler_replicas", "Replicas that there are; missing while nobody can tell.")
  static let scalingDesired = MetricDescription.gauge(
    "kv_autoscaler_desired_replicas", "Replicas that there should be, by the last decision.")
  static let scalingRecommended = MetricDescription.gauge(
    "kv_autoscaler_recommended_replicas",
    "Replicas that the metrics alone ask for, before stabilization and step limits.")
  static let scalingMinimum = MetricDescription.gauge(
    "kv_autoscaler_min_replicas", "The fewest replicas that are allowed.")
  static let scalingMaximum = MetricDescription.gauge(
    "kv_autoscaler_max_replicas", "The most replicas that are allowed.")
  static let scalingValue = MetricDescription.gauge(
    "kv_autoscaler_metric_value",
    "What was measured, by metric: cores, requests a second, seconds; missing if it was not.")
  static let scalingTarget = MetricDescription.gauge(
    "kv_autoscaler_metric_target", "What the metric should be, in the same unit.")
  static let scalingProposal = MetricDescription.gauge(
    "kv_autoscaler_metric_replicas", "Replicas that one metric asks for.")
  static let scalingMissing = MetricDescription.gauge(
    "kv_autoscaler_metric_missing",
    "1 if the metric could not be measured the last time: nothing is scaled down then.")
  static let scalingReason = MetricDescription.gauge(
    "kv_autoscaler_reason", "1 for each reason that the last decision had.")
  static let scalingDecisions = MetricDescription.counter(
    "kv_autoscaler_decisions_total", "Decisions, by direction: up, down, hold or unknown.")
  static let scalingCommands = MetricDescription.counter(
    "kv_autoscaler_commands_total", "Commands that were to change replicas, by result.")
  static let scalingCommandSeconds = MetricDescription.histogram(
    "kv_autoscaler_command_duration_seconds", "How long commands took.",
    bounds: HistogramBounds(
      [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000]
        .map { $0 * 1_000_000 }, scale: 1e9))
  static let scalingTime = MetricDescription.gauge(
    "kv_autoscaler_last_decision_timestamp_seconds",
    "When the last round of decisions ended, in seconds since the Unix epoch.")
  static let scalingIsDry = MetricDescription.gauge(
    "kv_autoscaler_dry_run", "1 if decisions are only told, not carried out.")

  static let autoscaler = [
    scalingReplicas, scalingDesired, scalingRecommended, scalingMinimum, scalingMaximum,
    scalingValue, scalingTarget, scalingProposal, scalingMissing, scalingReason, scalingDecisions,
    scalingCommands, scalingCommandSeconds, scalingTime, scalingIsDry,
  ]
}
