package import Observability

// What kv-worker counts.
extension MetricsCatalogue {
  package static let applied = MetricDescription.counter(
    "kv_worker_operations_total",
    "Queued writes that are done, by what became of them. repeated: the result was on record.")
  package static let appliedBatch = MetricDescription.histogram(
    "kv_worker_batch_operations", "Queued writes in one transaction.", bounds: .size)
  package static let appliedSeconds = MetricDescription.histogram(
    "kv_worker_batch_duration_seconds",
    "From the delivery of a batch to its acknowledgement, waiting for the database included.",
    bounds: .latency)
  package static let applyRetries = MetricDescription.counter(
    "kv_worker_retries_total", "Batches that were held and tried again, by error.")
  package static let held = MetricDescription.gauge(
    "kv_worker_held_messages", "Messages that were delivered and are not done yet.")
  package static let heldBytes = MetricDescription.gauge(
    "kv_worker_held_bytes", "Bytes of messages that were delivered and are not done yet.")
  package static let oldestHeld = MetricDescription.gauge(
    "kv_worker_oldest_held_seconds",
    "Age of the oldest write that was delivered and is not done yet; 0: there is none.")
  package static let queueAge = MetricDescription.histogram(
    "kv_worker_queue_delay_seconds", "From the acceptance of a write to its application.",
    bounds: .latency)
  package static let relayed = MetricDescription.counter(
    "kv_worker_relayed_changes_total",
    "Changes published for a process that could not, and repaired in the cache.")
  package static let relayFailures = MetricDescription.counter(
    "kv_worker_relay_failures_total", "Rounds of relaying that failed.")
  package static let repairsForOthers = MetricDescription.counter(
    "kv_worker_cache_repairs_total",
    "Commits of processes that can't reach the cache, after which it was repaired for them.")
  package static let outboxAge = MetricDescription.gauge(
    "kv_outbox_age_seconds",
    "Age of the oldest change that was found unsettled in the last round; 0: none was.")

  package static let queueReady = MetricDescription.gauge(
    "kv_queue_ready_messages", "Queued writes that no worker has taken yet.")
  package static let queueDead = MetricDescription.gauge(
    "kv_queue_dead_messages", "Queued writes that were put aside because they can't be applied.")

  /// All of them.
  package static let worker = [
    applied, appliedBatch, appliedSeconds, applyRetries, held, heldBytes, oldestHeld, queueAge,
    relayed, relayFailures, repairsForOthers, outboxAge, queueReady, queueDead,
  ]
}
