package import KeyValueStore
package import Observability

/// Counts what the store of one loop does.
package final class StoreMetrics: StoreObserver, Sendable {
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
  private let refusals: [Counter]
  private let errors: [[Counter]]
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
    refusals = ObservedWork.allCases.map {
      registry.counter(MetricsCatalogue.storeRefusals, [MetricLabel("work", $0.rawValue)])
    }
    errors = ObservedWork.allCases.map { work in
      StoreErrorLabel.allCases.map { error in
        registry.counter(
          MetricsCatalogue.storeErrors,
          [MetricLabel("work", work.rawValue), MetricLabel("error", error.text)])
      }
    }
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
  package func refused(_ work: ObservedWork) { refusals[work.index].add() }

  package func purged(_ report: PurgeReport) {
    expired.add(report.expired)
    removed.add(report.removed)
  }

  private func count(_ error: StoreError, in work: ObservedWork) {
    errors[work.index][Int(StoreErrorLabel(error).rawValue)].add()
  }
}

extension ObservedAnswer {
  /// Where it stands in `allCases`.
  fileprivate var index: Int {
    switch self {
    case .hit: 0
    case .miss: 1
    case .expired: 2
    }
  }
}

extension ObservedWork {
  /// Where it stands in `allCases`.
  fileprivate var index: Int {
    switch self {
    case .read: 0
    case .write: 1
    case .batch: 2
    }
  }
}
