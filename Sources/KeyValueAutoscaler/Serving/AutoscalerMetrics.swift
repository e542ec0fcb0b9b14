internal import Foundation
internal import Node
internal import Observability
internal import Synchronization

/// Keeps what the last decisions were, for whoever asks, and counts them.
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
  private let directions: [ScaledService.Kind: [Direction: Counter]]
  private let results: [ScaledService.Kind: [CommandOutcome.Label: Counter]]
  private let seconds: [ScaledService.Kind: Histogram]

  init(_ services: [ScaledService], registry: MetricsRegistry, isDryRun: Bool) {
    self.services = services
    self.isDryRun = isDryRun
    directions = Self.table(services) { service, direction in
      registry.counter(
        MetricsCatalogue.scalingDecisions,
        [service, MetricLabel("direction", direction.rawValue)])
    }
    results = Self.table(services) { service, result in
      registry.counter(
        MetricsCatalogue.scalingCommands, [service, MetricLabel("result", result.rawValue)])
    }
    seconds = Dictionary(
      uniqueKeysWithValues: services.map {
        ($0.kind, registry.histogram(MetricsCatalogue.scalingCommandSeconds, [Self.label($0.kind)]))
      })
    registry.collect { [weak self] in self?.samples() ?? [] }
  }

  private static func table<Column: CaseIterable & Hashable>(
    _ services: [ScaledService], _ make: (MetricLabel, Column) -> Counter
  ) -> [ScaledService.Kind: [Column: Counter]] {
    var table: [ScaledService.Kind: [Column: Counter]] = [:]
    for service in services {
      for column in Column.allCases {
        table[service.kind, default: [:]][column] = make(label(service.kind), column)
      }
    }
    return table
  }

  private static func label(_ kind: ScaledService.Kind) -> MetricLabel {
    MetricLabel("service", kind.rawValue)
  }

  // MARK: What happens

  /// A decision was made.
  func decided(_ decision: ScalingDecision, on kind: ScaledService.Kind) {
    state.withLock { $0.decisions[kind] = decision }
    let direction: Direction
    if let replicas = decision.replicas, let desired = decision.desired {
      direction = desired == replicas ? .hold : desired > replicas ? .up : .down
    } else {
      direction = .unknown
    }
    directions[kind]?[direction]?.add()
  }

  /// A command ended.
  func acted(_ outcome: CommandOutcome, on kind: ScaledService.Kind, duration: Duration) {
    state.withLock { $0.outcomes[kind] = outcome }
    results[kind]?[outcome.label]?.add()
    seconds[kind]?.observe(duration)
  }

  /// All services have been looked at.
  func roundEnded() {
    let now = Date.now.timeIntervalSince1970
    state.withLock { $0.endOfRound = now }
  }

  // MARK: What is told

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
