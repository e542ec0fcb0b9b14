public import Observability

/// What the connections of one loop count. The registry adds up the shares of all loops.
public struct PostgresMetrics: Sendable {
  let connections: Gauge
  let connects: Counter
  let connectionFailures: Counter
  let exchanges: Counter
  let conflicts: Counter
  let unknownOutcomes: Counter
  let cancellations: Counter
  let rejections: Counter

  public init(in registry: MetricsRegistry) {
    connections = registry.gauge(Self.connections)
    connects = registry.counter(Self.connects)
    connectionFailures = registry.counter(Self.connectionFailures)
    exchanges = registry.counter(Self.exchanges)
    conflicts = registry.counter(Self.conflicts)
    unknownOutcomes = registry.counter(Self.unknownOutcomes)
    cancellations = registry.counter(Self.cancellations)
    rejections = registry.counter(Self.rejections)
  }

  // MARK: Descriptions

  private static let connections = MetricDescription.gauge(
    "kv_database_connections", "Connections to the database that are open.")
  private static let connects = MetricDescription.counter(
    "kv_database_connects_total", "Connections made to the database.")
  private static let connectionFailures = MetricDescription.counter(
    "kv_database_connection_failures_total", "Connections that could not be made, or hung.")
  private static let exchanges = MetricDescription.counter(
    "kv_database_transactions_total", "Transactions sent to the database, reads included.")
  private static let conflicts = MetricDescription.counter(
    "kv_database_conflicts_total", "Transactions that conflicted with others.")
  private static let unknownOutcomes = MetricDescription.counter(
    "kv_database_unknown_outcomes_total", "Commits whose outcome is unknown.")
  private static let cancellations = MetricDescription.counter(
    "kv_database_cancellations_total", "Statements that took too long and were cancelled.")
  private static let rejections = MetricDescription.counter(
    "kv_database_rejections_total", "Statements that the database refuses for good.")

  /// All of them.
  public static let catalogue = [
    connections, connects, connectionFailures, exchanges, conflicts, unknownOutcomes,
    cancellations, rejections,
  ]
}
