import Cluster
import KeyValueStore
import Observability
import RabbitMQ
import Service
import Synchronization

/// Counts the work of a worker.
final class WorkerMetrics: Sendable {
  /// The results of a queued write.
  enum End: String, CaseIterable {
    case applied, superseded
    case preconditionFailed = "precondition_failed"
    case failed, repeated
  }

  private let ends: LabelledCounters<End>
  private let batch: Histogram
  private let seconds: Histogram
  private let retries: LabelledCounters<StoreErrorLabel>
  private let held: Gauge
  private let delay: Histogram
  private let relayedChanges: Counter
  private let relayFailures: Counter
  private let repairs: Counter
  /// In seconds.
  private let outboxAge = Atomic<Int64>(0)
  /// When the oldest write that is being applied was accepted, in microseconds since 1970; 0: there
  /// is none.
  private let oldestHeld = Atomic<Int64>(0)
  private let now: WallClock

  init(registry: MetricsRegistry, now: @escaping WallClock) {
    ends = LabelledCounters(MetricsCatalogue.applied, by: "result", in: registry)
    batch = registry.histogram(MetricsCatalogue.appliedBatch)
    seconds = registry.histogram(MetricsCatalogue.appliedSeconds)
    retries = LabelledCounters(MetricsCatalogue.applyRetries, by: "error", in: registry)
    held = registry.gauge(MetricsCatalogue.held)
    delay = registry.histogram(MetricsCatalogue.queueAge)
    relayedChanges = registry.counter(MetricsCatalogue.relayed)
    relayFailures = registry.counter(MetricsCatalogue.relayFailures)
    repairs = registry.counter(MetricsCatalogue.repairsForOthers)
    self.now = now
  }

  /// The metrics that are read at the time of a scrape. The depth of the queues is left out while
  /// it is not known.
  func samples(of consumer: RabbitMQConsumer) -> [MetricSample] {
    let oldest = oldestHeld.load(ordering: .relaxed)
    let held = oldest == 0 ? 0 : Double(max(0, now().microseconds - oldest)) / 1e6
    let samples = [
      MetricSample(
        MetricsCatalogue.outboxAge, [], Double(outboxAge.load(ordering: .relaxed))),
      MetricSample(MetricsCatalogue.oldestHeld, [], held),
      MetricSample(MetricsCatalogue.heldBytes, [], Double(consumer.bytesHeld)),
      MetricSample(MetricsCatalogue.messageWrites, [], consumer.messageWrites),
    ]
    guard let depth = consumer.depth else { return samples }
    return samples + [
      MetricSample(MetricsCatalogue.queueReady, [], Double(depth.ready)),
      MetricSample(MetricsCatalogue.queueDead, [], Double(depth.dead)),
    ]
  }

  /// A batch of deliveries came; the oldest write among them was accepted at `oldest`.
  func took(_ count: Int, oldest: Timestamp?) {
    held.add(count)
    oldestHeld.store(oldest?.microseconds ?? 0, ordering: .relaxed)
  }

  /// The deliveries that came last, `count` of them, are done with or given up.
  func finished(_ count: Int) {
    held.add(-count)
    oldestHeld.store(0, ordering: .relaxed)
  }

  /// A transaction was committed, and its writes are acknowledged.
  func applied(_ queued: [QueuedWrite], _ results: [AppliedWrite], duration: Duration) {
    batch.observe(UInt64(results.count))
    seconds.observe(duration)
    let now = now()
    for (write, result) in zip(queued, results) {
      let age = max(0, now.microseconds - write.acceptedAt.microseconds)
      delay.observe(.microseconds(age))
      count(result)
    }
  }

  private func count(_ result: AppliedWrite) {
    guard result.outcome != nil || result.record.state == .superseded else {
      return ends[.repeated].add()
    }
    switch result.record.state {
    case .applied, .queued: ends[.applied].add()
    case .superseded: ends[.superseded].add()
    case .preconditionFailed: ends[.preconditionFailed].add()
    case .failed: ends[.failed].add()
    }
  }

  /// Writes went to the dead-letter queue.
  func buried(_ count: Int) { ends[.failed].add(count) }

  /// A batch is held because of `error`.
  func retried(_ error: StoreError) { retries[StoreErrorLabel(error)].add() }

  /// A round of relaying ended.
  func relayed(_ report: RelayReport) {
    relayedChanges.add(report.settled)
    let age = report.oldest.map { max(0, now().microseconds - $0.microseconds) } ?? 0
    outboxAge.store(age / 1_000_000, ordering: .relaxed)
  }

  /// The cache was repaired after so many commits of processes that can't reach it.
  func repaired(_ count: Int) { repairs.add(count) }

  /// A round of relaying failed.
  func relayFailed() { relayFailures.add() }
}

// MARK: - The catalogue
extension MetricsCatalogue {
  static let applied = MetricDescription.counter(
    "kv_worker_operations_total",
    "Queued writes that are done, by what became of them. repeated: the result was on record.")
  static let appliedBatch = MetricDescription.histogram(
    "kv_worker_batch_operations", "Queued writes in one transaction.", bounds: .size)
  static let appliedSeconds = MetricDescription.histogram(
    "kv_worker_batch_duration_seconds",
    "From the delivery of a batch to its acknowledgement, waiting for the database included.",
    bounds: .latency)
  static let applyRetries = MetricDescription.counter(
    "kv_worker_retries_total", "Batches that were held and tried again, by error.")
  static let held = MetricDescription.gauge(
    "kv_worker_held_writes", "Queued writes that were delivered and are not done yet.")
  static let heldBytes = MetricDescription.gauge(
    "kv_worker_held_bytes", "Bytes of queued writes that were delivered and are not done yet.")
  static let messageWrites = MetricDescription.gauge(
    "kv_worker_message_writes",
    "Queued writes in a message, a moving average; 1 before the first message.")
  static let oldestHeld = MetricDescription.gauge(
    "kv_worker_oldest_held_seconds",
    "Age of the oldest write that was delivered and is not done yet; 0: there is none.")
  static let queueAge = MetricDescription.histogram(
    "kv_worker_queue_delay_seconds", "From the acceptance of a write to its application.",
    bounds: .latency)
  static let relayed = MetricDescription.counter(
    "kv_worker_relayed_changes_total",
    "Changes published for a process that could not, and repaired in the cache.")
  static let relayFailures = MetricDescription.counter(
    "kv_worker_relay_failures_total", "Rounds of relaying that failed.")
  static let repairsForOthers = MetricDescription.counter(
    "kv_worker_cache_repairs_total",
    "Commits of processes that can't reach the cache, after which it was repaired for them.")
  static let outboxAge = MetricDescription.gauge(
    "kv_outbox_age_seconds",
    "Age of the oldest change that was found unsettled in the last round; 0: none was.")

  static let queueReady = MetricDescription.gauge(
    "kv_queue_ready_messages",
    "Messages that no worker has taken yet, each of kv_worker_message_writes queued writes.")
  static let queueDead = MetricDescription.gauge(
    "kv_queue_dead_messages",
    "Queued writes that were put aside because they can't be applied, each in a message.")

  /// All of them.
  static let worker = [
    applied, appliedBatch, appliedSeconds, applyRetries, held, heldBytes, messageWrites, oldestHeld,
    queueAge, relayed, relayFailures, repairsForOthers, outboxAge, queueReady, queueDead,
  ]
}
