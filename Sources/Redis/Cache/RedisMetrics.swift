public import Observability

/// What the cache of one event loop counts. The registry adds the loops up.
public struct RedisMetrics: Sendable {
  let loops: Gauge
  let loopsServing: Gauge
  let connects: Counter
  let timeouts: Counter
  let bypassed: Counter
  let repairs: Counter
  let drops: Counter
  /// Reads, for `CacheStatistics`. Not exported: the store counts the same reads.
  let hits = Counter()
  let misses = Counter()

  public init(in registry: MetricsRegistry) {
    loops = registry.gauge(Self.loops)
    loopsServing = registry.gauge(Self.loopsServing)
    connects = registry.counter(Self.connects)
    timeouts = registry.counter(Self.timeouts)
    bypassed = registry.counter(Self.bypassed)
    repairs = registry.counter(Self.repairs)
    drops = registry.counter(Self.drops)
  }
}

extension RedisMetrics {
  static let loops = MetricDescription.gauge(
    "kv_redis_loops", "Event loops that have a cache in Redis.")
  static let loopsServing = MetricDescription.gauge(
    "kv_redis_loops_serving", "Event loops that use Redis now; fewer than all: it is bypassed.")
  static let connects = MetricDescription.counter(
    "kv_redis_connects_total", "Connections made to Redis.")
  static let timeouts = MetricDescription.counter(
    "kv_redis_timeouts_total", "Connections to Redis given up because an answer took too long.")
  static let bypassed = MetricDescription.counter(
    "kv_redis_bypassed_total", "Look-ups that Redis was not asked for: away, or not trusted.")
  static let repairs = MetricDescription.counter(
    "kv_redis_repairs_total", "Keys whose failed update was made good.")
  static let drops = MetricDescription.counter(
    "kv_redis_drops_total",
    "Times that the whole cache was dropped because too many updates had failed.")

  // Sampled from `SentinelWatch` and `RedisMaster`.
  package static let sentinels = MetricDescription.gauge(
    "kv_redis_sentinels", "Sentinels that are asked for the master; 0: the address is fixed.")
  package static let sentinelsAnswering = MetricDescription.gauge(
    "kv_redis_sentinels_answering", "Sentinels that named the master within the last second.")
  package static let masterCertain = MetricDescription.gauge(
    "kv_redis_master_certain",
    "1 while a majority of the Sentinels names the same master, or its address is fixed.")

  public static let catalogue = [
    loops, loopsServing, connects, timeouts, bypassed, repairs, drops, sentinels,
    sentinelsAnswering, masterCertain,
  ]
}
