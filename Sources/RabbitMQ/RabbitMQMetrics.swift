public import Observability

/// Counts what a process does with RabbitMQ. Each part of it may have cells of its own: the
/// registry adds them up.
public struct RabbitMQMetrics: Sendable {
  /// What a connection is for.
  public enum Connection: String, CaseIterable, Sendable {
    case publisher, consumer, watcher
  }

  let stalls: LabelledCounters<Connection>
  let unconfirmedWrites: Gauge

  public init(in registry: MetricsRegistry) {
    stalls = LabelledCounters(RabbitMQMetrics.stalls, by: "connection", in: registry)
    unconfirmedWrites = registry.gauge(RabbitMQMetrics.unconfirmedWrites)
  }

  private static let unconfirmedWrites = MetricDescription.gauge(
    "kv_queue_unconfirmed_writes", "Writes handed to RabbitMQ that it has not confirmed.")

  private static let stalls = MetricDescription.counter(
    "kv_queue_stalls_total",
    "Connections to RabbitMQ given up though they lived, by what they were for: nothing moved.")

  public static let catalogue = [unconfirmedWrites, stalls]
}
