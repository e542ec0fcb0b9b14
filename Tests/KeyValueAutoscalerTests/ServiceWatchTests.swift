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

@Suite("The backlog of the workers")
struct BacklogTests {
  private func reading(_ writes: Double?, _ drain: Double?) -> MetricReading.Value {
    Backlog(writes: writes, drain: drain, writesMin: 1_000).reading
  }

  @Test("is the depth of the queue, divided by what is done a second")
  func seconds() {
    #expect(reading(6_000, 100) == .whole(60))
    #expect(reading(1_000, 2_000) == .whole(0.5))
  }

  @Test("is nothing where there are few messages, however slowly they go")
  func few() {
    #expect(reading(0, 0) == .whole(0))
    #expect(reading(999, 0) == .whole(0))
    #expect(reading(999, 0.001) == .whole(0))
  }

  @Test("is stalled, not endless, where messages wait and none is done")
  func stalled() {
    #expect(reading(1_000, 0) == .stalled("1000 writes wait, and none is drained"))
  }

  @Test("is missing where either half is")
  func missing() {
    #expect(reading(nil, 100) == .missing("no depth of the queue"))
    #expect(reading(0, nil) == .missing("no drain rate"))
  }
}
