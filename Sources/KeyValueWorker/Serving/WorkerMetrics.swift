import KeyValueStore
import Node
import Observability
import RabbitMQ
import Synchronization

/// Counts what a worker does.
final class WorkerMetrics: Sendable {
  /// What can become of a queued write.
  enum End: String, CaseIterable {
    case applied, superseded
    case preconditionFailed = "precondition_failed"
    case failed, repeated
  }

  private let ends: [Counter]
  private let batch: Histogram
  private let seconds: Histogram
  private let retries: [String: Counter]
  private let held: Gauge
  private let delay: Histogram
  private let relayedChanges: Counter
  private let relayFailures: Counter
  private let repairs: Counter
  /// In seconds.
  private let outboxAge = Atomic<Int64>(0)
  /// When the oldest write was accepted that is being applied, in microseconds since 1970; 0: none
  /// is.
  private let oldestHeld = Atomic<Int64>(0)
  private let now: WallClock

  init(registry: MetricsRegistry, now: @escaping WallClock) {
    ends = End.allCases.map {
      registry.counter(MetricsCatalogue.applied, [MetricLabel("result", $0.rawValue)])
    }
    batch = registry.histogram(MetricsCatalogue.appliedBatch)
    seconds = registry.histogram(MetricsCatalogue.appliedSeconds)
    let errors = ["unavailable", "too_slow", "overloaded", "outcome_unknown", "rejected", "other"]
    retries = Dictionary(
      uniqueKeysWithValues: errors.map {
        ($0, registry.counter(MetricsCatalogue.applyRetries, [MetricLabel("error", $0)]))
      })
    held = registry.gauge(MetricsCatalogue.held)
    delay = registry.histogram(MetricsCatalogue.queueAge)
    relayedChanges = registry.counter(MetricsCatalogue.relayed)
    relayFailures = registry.counter(MetricsCatalogue.relayFailures)
    repairs = registry.counter(MetricsCatalogue.repairsForOthers)
    self.now = now
  }

  /// What is no counter of the registry's. How much waits in the queues is left out while nobody
  /// knows.
  func samples(of consumer: RabbitMQConsumer) -> [MetricSample] {
    let oldest = oldestHeld.load(ordering: .relaxed)
    let held = oldest == 0 ? 0 : Double(max(0, now().microseconds - oldest)) / 1e6
    let samples = [
      MetricSample(
        MetricsCatalogue.outboxAge, [], Double(outboxAge.load(ordering: .relaxed))),
      MetricSample(MetricsCatalogue.oldestHeld, [], held),
      MetricSample(MetricsCatalogue.heldBytes, [], Double(consumer.bytesHeld)),
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

  /// So many deliveries, all that came last, are off this worker's hands.
  func finished(_ count: Int) {
    held.add(-count)
    oldestHeld.store(0, ordering: .relaxed)
  }

  /// A transaction was committed, and its messages are acknowledged.
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
      return add(.repeated)
    }
    switch result.record.state {
    case .applied, .queued: add(.applied)
    case .superseded: add(.superseded)
    case .preconditionFailed: add(.preconditionFailed)
    case .failed: add(.failed)
    }
  }

  /// Messages went to the dead-letter queue.
  func buried(_ count: Int) { ends[End.allCases.firstIndex(of: .failed) ?? 0].add(count) }

  /// A batch is held because of `error`.
  func retried(_ error: StoreError) {
    let label =
      switch error {
      case .unavailable: "unavailable"
      case .tooSlow: "too_slow"
      case .overloaded: "overloaded"
      case .outcomeUnknown: "outcome_unknown"
      case .rejected: "rejected"
      case .idempotencyInFlight: "other"
      }
    retries[label]?.add()
  }

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

  private func add(_ end: End) { ends[End.allCases.firstIndex(of: end) ?? 0].add() }
}
