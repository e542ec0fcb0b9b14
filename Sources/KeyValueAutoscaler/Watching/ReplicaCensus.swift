/// The replicas of a service, as the list of what Prometheus measures shows them.
///
/// The list and not the series `up`: a Prometheus that has just started has looked at some replicas
/// and not at others, and to take the few for all would be to scale the others away.
struct ReplicaCensus: Equatable, Sendable {
  private let instances: Set<String>
  let replicas: ScalingObservation.Replicas

  /// Counts the targets of a job.
  init(targets: [PrometheusTarget], job: String) {
    let members = targets.filter { $0.job == job }
    instances = Set(members.compactMap(\.instance))
    let fresh = members.count { $0.health == .unknown }
    if instances.isEmpty {
      replicas = .unknown("Prometheus has no targets of job \(job)")
    } else if fresh > 0 {
      replicas = .unknown("Prometheus has yet to look at \(fresh) of \(instances.count) replicas")
    } else {
      let up = Set(members.filter { $0.health == .up }.compactMap(\.instance))
      replicas = .known(instances.count, answering: up.count)
    }
  }

  /// The average over replicas that are still there. A rate goes on for a while after its replica
  /// has left.
  func average(of samples: [PrometheusSample]) -> MetricReading.Value {
    let values = samples.filter { sample in
      sample.value.isFinite && sample.labels["instance"].map(instances.contains) == true
    }.map(\.value)
    guard !values.isEmpty else { return .missing("no samples") }
    return .perReplica(values.reduce(0, +) / Double(values.count), reporting: values.count)
  }
}
