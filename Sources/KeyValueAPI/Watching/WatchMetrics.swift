import Observability
import Service
import Synchronization

/// Why the stream of a watcher has ended.
enum WatchEnd: String, CaseIterable, Sendable {
  /// The client has left.
  case client
  /// The client does not read as fast as events come.
  case slow
  /// The next events are no longer kept.
  case fallen
  /// The token is no longer known, or does not allow this any more.
  case token
  /// The server leaves.
  case drain
}

/// Counts the watchers of one loop. Not Sendable: it belongs to the loop's hub.
final class WatchMetrics {
  let watchers: Gauge
  let bytesHeld: Gauge
  let events: Counter
  let ended: LabelledCounters<WatchEnd>
  let lag: Histogram

  init(registry: MetricsRegistry) {
    watchers = registry.gauge(MetricsCatalogue.watchers)
    bytesHeld = registry.gauge(MetricsCatalogue.watchBytesHeld)
    events = registry.counter(MetricsCatalogue.watchEvents)
    ended = LabelledCounters(MetricsCatalogue.watchEnded, by: "reason", in: registry)
    lag = registry.histogram(MetricsCatalogue.watchLagSeconds)
  }
}

/// The places for watchers, on all loops together.
final class WatchPlaces: Sendable {
  private let taken = Atomic<Int>(0)
  private let countMax: Int

  init(countMax: Int) { self.countMax = countMax }

  /// False: no place is free.
  func take() -> Bool {
    if taken.add(1, ordering: .relaxed).newValue <= countMax { return true }
    giveBack()
    return false
  }

  /// Whether a watcher that came now would find a place.
  var isFree: Bool { taken.load(ordering: .relaxed) < countMax }

  func giveBack() { taken.subtract(1, ordering: .relaxed) }
}

extension MetricsCatalogue {
  static let watchers = MetricDescription.gauge(
    "kv_watchers", "Clients that watch changes now.")
  static let watchEvents = MetricDescription.counter(
    "kv_watch_events_total", "Events sent to watchers.")
  static let watchEnded = MetricDescription.counter(
    "kv_watch_ended_total", "Streams of watchers that have ended, by reason.")
  static let watchLagSeconds = MetricDescription.histogram(
    "kv_watch_lag_seconds",
    "From a commit to the handing of its event to a watcher's connection; not of replays.",
    bounds: .latency)
  static let watchBytesHeld = MetricDescription.gauge(
    "kv_watch_bytes_held", "Events that wait for watchers to read, in bytes.")

  /// The metrics of watchers.
  static let watching = [watchers, watchEvents, watchEnded, watchLagSeconds, watchBytesHeld]
}
