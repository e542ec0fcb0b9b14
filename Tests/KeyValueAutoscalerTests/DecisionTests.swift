import Testing

@testable import KeyValueAutoscaler

@Suite("A decision")
struct DecisionTests {
  private func decide(
    _ observation: ScalingObservation, _ limits: ScalingLimits = .loose
  ) -> ScalingDecision {
    ScalingPolicy(limits: limits).decide(observation, history: ScalingHistory())
  }

  @Test("follows the metric that asks for the most")
  func highest() {
    let decision = decide(.seen(4, .cpu(50, of: 4), .backlog(60), .missing(.latency)))
    #expect(decision.desired == 8)
    #expect(decision.change == 8)
    #expect(decision.proposals.map(\.replicas) == [2, 8, nil])
    #expect(decision.reasons == [.metric(.backlog, replicas: 8)])
  }

  @Test("is none when every metric is where it should be")
  func onTarget() {
    let decision = decide(.seen(4, .cpu(104, of: 4), .backlog(28)))
    #expect(decision.desired == 4)
    #expect(decision.change == nil)
  }

  @Test("raises on what is measured although another metric is missing")
  func upWithoutAll() {
    #expect(decide(.seen(2, .cpu(300, of: 2), .missing(.latency))).change == 6)
  }

  @Test(
    "never lowers while anything is missing",
    arguments: [
      ScalingObservation.seen(6, .cpu(10, of: 6), .missing(.latency)),
      .seen(6, .missing(.cpu), .backlog(0)),
      .seen(6, .cpu(10, of: 5), .backlog(0)),
      .seen(6, answering: 5, .cpu(10, of: 6), .backlog(0)),
      .seen(
        6, .cpu(10, of: 6),
        MetricReading(metric: .backlog, target: 30, value: .stalled("9 messages wait"))),
    ])
  func blind(_ observation: ScalingObservation) {
    let decision = decide(observation)
    #expect(decision.desired == 6)
    #expect(decision.change == nil)
  }

  @Test("says what is missing")
  func reason() {
    let decision = decide(.seen(6, answering: 5, .cpu(10, of: 4), .missing(.latency)))
    #expect(decision.reasons.last?.label == .incomplete)
    let text = decision.reasons.map(\.description).joined(separator: "; ")
    #expect(text.contains("1 of 6 replicas do not answer"))
    #expect(text.contains("cpu of 1 replicas"))
    #expect(text.contains("latency (no samples)"))
  }

  @Test("changes nothing when all metrics are missing: that is not 0")
  func allMissing() {
    let decision = decide(.seen(6, .missing(.cpu), .missing(.latency)))
    #expect(decision.desired == 6)
    #expect(decision.change == nil)
    #expect(decision.recommendation == 6)
  }

  @Test("is none when nobody knows how many replicas there are, whatever is measured")
  func unknown() {
    let decision = decide(
      ScalingObservation(
        at: .zero, replicas: .unknown("Prometheus did not answer in time"),
        readings: [.cpu(900, of: 2)]))
    #expect(decision.desired == nil)
    #expect(decision.change == nil)
    #expect(decision.recommendation == nil)
    #expect(decision.reasons == [.replicasUnknown("Prometheus did not answer in time")])
  }

  @Test("stays within the least and the most")
  func bounds() {
    let limits = ScalingLimits.loose.with { $0.replicas = 2...5 }
    let most = decide(.seen(4, .cpu(400, of: 4)), limits)
    #expect(most.desired == 5)
    #expect(most.reasons.last == .maximum(5))
    let least = decide(.seen(4, .cpu(1, of: 4)), limits)
    #expect(least.desired == 2)
    #expect(least.reasons.last == .minimum(2))
  }

  @Test("puts too few right at once, even without a metric, but too many only with all of them")
  func outOfBounds() {
    let limits = ScalingLimits.loose.with {
      $0.replicas = 4...5
      $0.up = .init(replicas: 1, percent: 0, period: .seconds(15))
    }
    #expect(decide(.seen(1, .missing(.cpu)), limits).change == 4)
    #expect(decide(.seen(8, .cpu(100, of: 8)), limits).change == 5)
    #expect(decide(.seen(8, .missing(.cpu)), limits).change == nil)
  }
}
