package import KeyValueStore
package import Observability
package import Service

/// Counts the work of one loop's store.
package final class StoreMetrics: StoreObserver, Sendable {
  /// In the order of `allCases`: an array, as there is an answer for every read.
  private let answers: [Counter]
  private let readKeys: Histogram
  private let readers: Counter
  private let readSeconds: Histogram
  private let writeBatch: Histogram
  private let writtenBytes: Counter
  private let writeSeconds: Histogram
  private let operations: Histogram
  private let transactionSeconds: Histogram
  private let cacheFailures: Counter
  private let publishFailures: Counter
  private let refusals: LabelledCounters<ObservedWork>
  private let errors: [ObservedWork: LabelledCounters<StoreErrorLabel>]
  private let expired: Counter
  private let removed: Counter

  package init(registry: MetricsRegistry) {
    answers = ObservedAnswer.allCases.map {
      registry.counter(MetricsCatalogue.cacheLookups, [MetricLabel("answer", $0.rawValue)])
    }
    readKeys = registry.histogram(MetricsCatalogue.readBatchKeys)
    readers = registry.counter(MetricsCatalogue.readBatchReaders)
    readSeconds = registry.histogram(MetricsCatalogue.readBatchSeconds)
    writeBatch = registry.histogram(MetricsCatalogue.writeBatchSize)
    writtenBytes = registry.counter(MetricsCatalogue.writtenBytes)
    writeSeconds = registry.histogram(MetricsCatalogue.writeBatchSeconds)
    operations = registry.histogram(MetricsCatalogue.transactionOperations)
    transactionSeconds = registry.histogram(MetricsCatalogue.transactionSeconds)
    cacheFailures = registry.counter(MetricsCatalogue.cacheUpdateFailures)
    publishFailures = registry.counter(MetricsCatalogue.publishFailures)
    refusals = LabelledCounters(MetricsCatalogue.storeRefusals, by: "work", in: registry)
    errors = Dictionary(
      uniqueKeysWithValues: ObservedWork.allCases.map { work in
        (
          work,
          LabelledCounters(
            MetricsCatalogue.storeErrors, by: "error", with: [MetricLabel("work", work.rawValue)],
            in: registry)
        )
      })
    expired = registry.counter(MetricsCatalogue.purged, [MetricLabel("kind", "expired")])
    removed = registry.counter(MetricsCatalogue.purged, [MetricLabel("kind", "retained")])
  }

  package func cacheAnswered(_ answer: ObservedAnswer) { answers[answer.index].add() }

  package func readBatchEnded(keys: Int, readers: Int, duration: Duration, error: StoreError?) {
    readKeys.observe(UInt64(keys))
    readSeconds.observe(duration)
    if let error { count(error, in: .read) } else { self.readers.add(readers) }
  }

  package func writeBatchEnded(writes: Int, bytes: Int, duration: Duration, error: StoreError?) {
    writeBatch.observe(UInt64(writes))
    writtenBytes.add(bytes)
    writeSeconds.observe(duration)
    if let error { count(error, in: .write) }
  }

  package func batchExecuted(operations: Int, duration: Duration, error: StoreError?) {
    self.operations.observe(UInt64(operations))
    transactionSeconds.observe(duration)
    if let error { count(error, in: .batch) }
  }

  package func cacheUpdateFailed(keys: Int) { cacheFailures.add(keys) }
  package func publishFailed(changes: Int, error: StoreError) { publishFailures.add(changes) }
  package func refused(_ work: ObservedWork) { refusals[work].add() }

  package func purged(_ report: PurgeReport) {
    expired.add(report.expired)
    removed.add(report.removed)
  }

  private func count(_ error: StoreError, in work: ObservedWork) {
    errors[work]?[StoreErrorLabel(error)].add()
  }
}

/// The values of the label `error` of metrics.
package enum StoreErrorLabel: String, CaseIterable {
  case unavailable, overloaded, rejected
  case tooSlow = "too_slow"
  case outcomeUnknown = "outcome_unknown"
  case idempotencyInFlight = "idempotency_in_flight"

  package init(_ error: StoreError) {
    self =
      switch error {
      case .unavailable: .unavailable
      case .tooSlow: .tooSlow
      case .overloaded: .overloaded
      case .outcomeUnknown: .outcomeUnknown
      case .idempotencyInFlight: .idempotencyInFlight
      case .rejected: .rejected
      }
  }
}

extension ObservedAnswer {
  /// The place in `allCases`.
  fileprivate var index: Int {
    switch self {
    case .hit: 0
    case .miss: 1
    case .expired: 2
    }
  }
}

extension ServerMetrics {
  /// How full the cache is, for `MetricsRegistry.text(adding:)`: asking the cache takes an await.
  package static func samples(of cache: CacheStatistics) -> [MetricSample] {
    var samples = [
      MetricSample(MetricsCatalogue.cacheKeys, [], Double(cache.keys)),
      MetricSample(MetricsCatalogue.cacheBytes, [], Double(cache.bytes)),
      MetricSample(MetricsCatalogue.cacheEvictions, [], Double(cache.evictions)),
    ]
    if let most = cache.bytesMax {
      samples.append(MetricSample(MetricsCatalogue.cacheBytesMax, [], Double(most)))
    }
    return samples
  }
}

// MARK: - The catalogue

extension MetricsCatalogue {
  package static let cacheLookups = MetricDescription.counter(
    "kv_cache_lookups_total", "Keys looked up in the cache, by what it knew: hit, miss or expired.")
  package static let cacheUpdateFailures = MetricDescription.counter(
    "kv_cache_update_failures_total", "Committed changes that may not have reached the cache.")
  package static let cacheKeys = MetricDescription.gauge("kv_cache_keys", "Entries in the cache.")
  package static let cacheBytes = MetricDescription.gauge(
    "kv_cache_bytes", "Memory used by the cache, in bytes.")
  package static let cacheBytesMax = MetricDescription.gauge(
    "kv_cache_bytes_max", "The most memory that the cache may use, in bytes.")
  package static let cacheEvictions = MetricDescription.counter(
    "kv_cache_evictions_total", "Entries dropped from the cache to make room.")

  package static let readBatchKeys = MetricDescription.histogram(
    "kv_store_read_batch_keys", "Distinct keys in one look-up in the database.", bounds: .size)
  package static let readBatchReaders = MetricDescription.counter(
    "kv_store_database_reads_total", "Reads answered by look-ups in the database.")
  package static let readBatchSeconds = MetricDescription.histogram(
    "kv_store_read_batch_duration_seconds", "How long one look-up in the database took.",
    bounds: .latency)

  package static let writeBatchSize = MetricDescription.histogram(
    "kv_store_write_batch_writes", "Writes in one commit.", bounds: .size)
  package static let writtenBytes = MetricDescription.counter(
    "kv_store_written_bytes_total", "Bytes of keys and values handed to commits.")
  package static let writeBatchSeconds = MetricDescription.histogram(
    "kv_store_write_batch_duration_seconds", "How long one commit took.", bounds: .latency)

  package static let transactionOperations = MetricDescription.histogram(
    "kv_store_transaction_operations", "Operations in one client's batch.", bounds: .size)
  package static let transactionSeconds = MetricDescription.histogram(
    "kv_store_transaction_duration_seconds", "How long the transaction of a client's batch took.",
    bounds: .latency)

  package static let storeErrors = MetricDescription.counter(
    "kv_store_errors_total", "Work that failed in the database, by kind of work and of error.")
  package static let storeRefusals = MetricDescription.counter(
    "kv_store_refused_total", "Work turned away because a queue was full, by kind.")
  package static let publishFailures = MetricDescription.counter(
    "kv_feed_publish_failures_total", "Committed changes that were not published to watchers.")
  package static let purged = MetricDescription.counter(
    "kv_store_purged_total",
    "Rows purged: expired entries, and records whose retention was over.")

  /// The metrics of the store.
  package static let store = [
    cacheLookups, cacheUpdateFailures, cacheKeys, cacheBytes, cacheBytesMax, cacheEvictions,
    readBatchKeys, readBatchReaders, readBatchSeconds, writeBatchSize, writtenBytes,
    writeBatchSeconds, transactionOperations, transactionSeconds, storeErrors, storeRefusals,
    publishFailures, purged,
  ]
}
