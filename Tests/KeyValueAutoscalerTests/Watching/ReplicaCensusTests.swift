import Testing

@testable import KeyValueAutoscaler

@Suite("The replicas that Prometheus knows")
struct ReplicaCensusTests {
  private func target(
    _ instance: String, _ health: PrometheusTarget.Health = .up, job: String = "kv-api"
  ) -> PrometheusTarget {
    PrometheusTarget(labels: ["job": job, "instance": instance], health: health)
  }

  private func sample(_ instance: String, _ value: Double) -> PrometheusSample {
    PrometheusSample(labels: ["instance": instance], value: value)
  }

  @Test("are the targets of the job, those that do not answer included")
  func count() {
    let census = ReplicaCensus(
      targets: [target("a"), target("b", .down), target("c", job: "kv-worker")], job: "kv-api")
    #expect(census.replicas == .known(2, answering: 1))
  }

  @Test("are not known while it has none, or has yet to look at one")
  func unknown() {
    for targets in [[], [target("a", job: "kv-worker")], [target("a"), target("b", .unknown)]] {
      let census = ReplicaCensus(targets: targets, job: "kv-api")
      guard case .unknown = census.replicas else {
        Issue.record("\(census.replicas)")
        continue
      }
    }
  }

  @Test("have an average, in which those that have left do not count")
  func average() {
    let census = ReplicaCensus(targets: [target("a"), target("b"), target("c")], job: "kv-api")
    #expect(
      census.average(of: [sample("a", 1), sample("b", 2), sample("gone", 90)])
        == .perReplica(1.5, reporting: 2))
    #expect(census.average(of: [sample("a", .nan), sample("gone", 9)]) == .missing("no samples"))
    #expect(census.average(of: []) == .missing("no samples"))
  }
}
