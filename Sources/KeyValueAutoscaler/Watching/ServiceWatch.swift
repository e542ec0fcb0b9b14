/// Finds out how a service is doing.
struct ServiceWatch: Sendable {
  let service: ScaledService
  let queries: ServiceQueries
  /// Fewer messages than this are no backlog: a worker takes up to 1,000 at a time.
  let backlogMessagesMin: Double
  let prometheus: PrometheusClient

  /// What is to be known now. What can't be found out is missing in it, with the reason.
  func observe(at now: Duration) async -> ScalingObservation {
    let targets: [PrometheusTarget]
    do throws(PrometheusError) {
      targets = try await prometheus.targets()
    } catch {
      // The other questions would wait as long, and could change nothing.
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

  private var metrics: [ScalingMetric] { ScalingMetric.allCases.filter(isWanted) }

  private func isWanted(_ metric: ScalingMetric) -> Bool { service.targets[metric] != nil }

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
          messages: Self.number(depth), drain: Self.number(drain), messagesMin: backlogMessagesMin
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
