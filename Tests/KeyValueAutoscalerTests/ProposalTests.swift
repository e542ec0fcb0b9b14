import Testing

@testable import KeyValueAutoscaler

/// The algorithm of the Horizontal Pod Autoscaler, case by case as its documentation has it
/// (kubernetes.io, "Horizontal Pod Autoscaling", Algorithm details).
@Suite("What one metric asks for")
struct ProposalTests {
  private let policy = ScalingPolicy(limits: .loose)

  /// A number of replicas, what was measured and what should be, and what follows.
  struct Case: CustomTestStringConvertible, Sendable {
    let replicas: Int
    let value: Double
    let target: Double
    let expected: Int
    let why: String
    var testDescription: String { why }
  }

  static let ratios = [
    Case(replicas: 1, value: 200, target: 100, expected: 2, why: "200m for 100m doubles"),
    Case(replicas: 4, value: 50, target: 100, expected: 2, why: "50m for 100m halves"),
    Case(replicas: 5, value: 50, target: 100, expected: 3, why: "half of 5 is rounded up"),
    Case(replicas: 3, value: 0, target: 100, expected: 0, why: "no load needs nothing"),
    Case(replicas: 10, value: 100, target: 100, expected: 10, why: "on target"),
    Case(replicas: 10, value: 109, target: 100, expected: 10, why: "9 % over is tolerated"),
    Case(replicas: 10, value: 110, target: 100, expected: 10, why: "10 % over is tolerated"),
    Case(replicas: 10, value: 111, target: 100, expected: 12, why: "11 % over is not"),
    Case(replicas: 10, value: 91, target: 100, expected: 10, why: "9 % under is tolerated"),
    Case(replicas: 10, value: 90, target: 100, expected: 10, why: "10 % under is tolerated"),
    Case(replicas: 10, value: 89, target: 100, expected: 9, why: "11 % under is not"),
    Case(replicas: 3, value: 0.3, target: 0.1, expected: 9, why: "rounding errors add no replica"),
    Case(
      replicas: 2, value: 1e300, target: 1e-9, expected: 1_000_000, why: "the absurd is bounded"),
  ]

  @Test("is ceil(replicas × metric / target), unless that is within 10 %", arguments: ratios)
  func ratio(_ sample: Case) {
    for value in [
      MetricReading.Value.whole(sample.value),
      .perReplica(sample.value, reporting: sample.replicas),
    ] {
      let reading = MetricReading(metric: .cpu, target: sample.target, value: value)
      #expect(policy.proposal(of: reading, replicas: sample.replicas) == sample.expected)
    }
  }

  /// Replicas, how many of them report which average, and what follows.
  struct Gap: CustomTestStringConvertible, Sendable {
    let replicas: Int
    let reporting: Int
    let average: Double
    let expected: Int?
    let why: String
    var testDescription: String { why }
  }

  static let gaps = [
    Gap(replicas: 4, reporting: 3, average: 200, expected: 6, why: "one silent counts as idle"),
    Gap(replicas: 4, reporting: 1, average: 200, expected: 4, why: "up would turn into down"),
    Gap(replicas: 4, reporting: 2, average: 210, expected: 4, why: "up shrinks to the tolerance"),
    Gap(replicas: 4, reporting: 3, average: 20, expected: 2, why: "one silent counts as busy"),
    Gap(replicas: 4, reporting: 1, average: 20, expected: 4, why: "three silent leave it so"),
    Gap(replicas: 4, reporting: 2, average: 90, expected: 4, why: "within the tolerance"),
    Gap(replicas: 4, reporting: 3, average: 100, expected: 4, why: "exactly on target"),
    Gap(replicas: 4, reporting: 0, average: 0, expected: nil, why: "nobody reports"),
    Gap(replicas: 2, reporting: 3, average: 200, expected: 4, why: "more report than there are"),
  ]

  @Test("leans towards what there is where replicas do not report", arguments: gaps)
  func gap(_ sample: Gap) {
    let reading = MetricReading.cpu(sample.average, of: sample.reporting)
    #expect(policy.proposal(of: reading, replicas: sample.replicas) == sample.expected)
  }

  @Test("is nothing where it is missing, and no change where work is stuck")
  func unmeasured() {
    #expect(policy.proposal(of: .missing(.cpu), replicas: 3) == nil)
    let stalled = MetricReading(metric: .backlog, target: 30, value: .stalled("100 wait"))
    #expect(policy.proposal(of: stalled, replicas: 3) == 3)
  }
}
