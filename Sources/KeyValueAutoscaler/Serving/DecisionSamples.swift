internal import Node
internal import Observability

/// What metrics tell of one decision. What is not known is left out.
enum DecisionSamples {
  /// The samples of a decision; `service` tells them apart from those of the other one.
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
