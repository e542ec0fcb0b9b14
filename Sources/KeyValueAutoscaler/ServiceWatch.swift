/// Measures a service: asks Prometheus for its replicas and for each metric that has a target.
struct ServiceWatch: Sendable {
  let service: ScaledService
  let queries: ServiceQueries
  /// Fewer writes than this are no backlog: a worker takes up to 1,000 at a time.
  let backlogWritesMin: Double
  let prometheus: PrometheusClient

  /// The state of the service now. What can't be measured is missing in it, with the reason.
  func observe(at now: Duration) async -> ScalingObservation {
    let targets: [PrometheusTarget]
    do throws(PrometheusError) {
      targets = try await prometheus.targets()
    } catch {
      // The other queries would take as long to fail, and their answers could change nothing.
      let readings = metrics.map { reading($0, .missing("not asked for")) }
      return ScalingObservation(at: now, replicas: .unknown("\(error)"), readings: readings)
    }
    let census = ReplicaCensus(targets: targets, job: service.job)
    let readings = await withTaskGroup { group in
      for metric in metrics {
        group.addTask { reading(metric, await value(of: metric, census)) }
      }
      return await group.reduce(into: [MetricReading]()) { $0.append($1) }
    }
    return ScalingObservation(
      at: now, replicas: census.replicas,
      readings: readings.sorted { $0.metric.rawValue < $1.metric.rawValue })
  }

  private var metrics: [ScalingMetric] {
    ScalingMetric.allCases.filter { service.targets[$0] != nil }
  }

  private func reading(_ metric: ScalingMetric, _ value: MetricReading.Value) -> MetricReading {
    MetricReading(metric: metric, target: service.targets[metric] ?? 1, value: value)
  }

  private func value(of metric: ScalingMetric, _ census: ReplicaCensus) async -> MetricReading.Value
  {
    do throws(PrometheusError) {
      switch metric {
      case .cpu: return census.average(of: try await prometheus.samples(of: queries.cpu))
      case .requests: return census.average(of: try await prometheus.samples(of: queries.requests))
      case .inFlight: return census.average(of: try await prometheus.samples(of: queries.inFlight))
      case .latency:
        let samples = try await prometheus.samples(of: queries.latency)
        return Self.number(samples).map { .whole($0) } ?? .missing("no samples")
      case .backlog:
        let depth = try await prometheus.samples(of: queries.depth)
        let drain = try await prometheus.samples(of: queries.drain)
        return Backlog(
          writes: Self.number(depth), drain: Self.number(drain), writesMin: backlogWritesMin
        ).reading
      }
    } catch {
      return .missing("\(error)")
    }
  }

  /// The only sample, if it is a number.
  private static func number(_ samples: [PrometheusSample]) -> Double? {
    guard samples.count == 1, samples[0].value.isFinite else { return nil }
    return samples[0].value
  }
}

/// The replicas of a service, counted in Prometheus' list of targets.
///
/// The series `up` would not do: a Prometheus that has just started has scraped some replicas and
/// not others, and taking the few for all would scale the others away.
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

  /// The average over the replicas that still exist: the rate of one that has left does not end at
  /// once.
  func average(of samples: [PrometheusSample]) -> MetricReading.Value {
    let values = samples.filter { sample in
      sample.value.isFinite && sample.labels["instance"].map(instances.contains) == true
    }.map(\.value)
    guard !values.isEmpty else { return .missing("no samples") }
    return .perReplica(values.reduce(0, +) / Double(values.count), reporting: values.count)
  }
}

/// The workers' queue, and how long it takes to empty it.
struct Backlog: Equatable, Sendable {
  /// Nil: not known.
  let writes: Double?
  /// Writes that all workers together finish in a second; nil: not known.
  let drain: Double?
  /// Fewer writes are no backlog, however slowly they are drained: a few that have just come,
  /// divided by the low rate of a quiet minute, would look like hours.
  let writesMin: Double

  /// Seconds until the queue is empty.
  ///
  /// A backlog of which nothing is drained is `stalled`, not infinite: when the database is away
  /// every worker waits, and twenty would get no more done than two.
  var reading: MetricReading.Value {
    guard let writes else { return .missing("no depth of the queue") }
    guard let drain else { return .missing("no drain rate") }
    if writes < writesMin { return .whole(0) }
    guard drain > 0 else { return .stalled("\(Int(writes)) writes wait, and none is drained") }
    return .whole(writes / drain)
  }
}

/// A service that is scaled: where to find its replicas, what to measure them by, and how many
/// there may be.
struct ScaledService: Equatable, Sendable {
  enum Kind: String, CaseIterable, Sendable {
    case api = "kv-api"
    case worker = "kv-worker"
  }

  let kind: Kind
  /// Its name in commands.
  let name: String
  /// The job of its targets in Prometheus.
  let job: String
  let policy: ScalingPolicy
  /// The value that each metric should have, in the metric's unit; one without a target is not
  /// used.
  let targets: [ScalingMetric: Double]
}
