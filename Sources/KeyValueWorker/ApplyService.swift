import Basics
import KeyValueStore
import Logging
import RabbitMQ
import ServiceLifecycle
import Telemetry

/// Takes writes from the queue and applies them, batch after batch.
struct ApplyService: Service {
  let executor: any TaskExecutor
  let makeApplier: @Sendable () -> Applier
  let consumer: RabbitMQConsumer
  /// Nil: nothing is recorded.
  let tracer: Tracer?

  /// When the process is asked to stop, the batch in progress is finished, unless the database is
  /// away: then the broker delivers it to another worker.
  func run() async throws {
    await cancelWhenGracefulShutdown {
      await withTaskExecutorPreference(executor) {
        let applier = makeApplier()
        while !Task.isCancelled {
          await apply(await consumer.next(), applier)
        }
      }
    }
  }

  /// Applies a batch; a span of it is in the trace of each request that was recorded.
  private func apply(_ deliveries: [Delivery], _ applier: Applier) async {
    guard let tracer, case let origins = deliveries.compactMap(\.origin), !origins.isEmpty else {
      return await applier.apply(deliveries)
    }
    await tracer.follow(.applying(count: deliveries.count), for: origins) {
      await applier.apply(deliveries)
    }
  }
}

/// Counts and logs what an applier does.
struct ApplyRecorder: ApplierObserver {
  let metrics: WorkerMetrics
  let logger: Logger

  func took(_ count: Int, oldest: Timestamp?) { metrics.took(count, oldest: oldest) }

  func finished(_ count: Int) { metrics.finished(count) }

  func applied(_ queued: [QueuedWrite], _ results: [AppliedWrite], duration: Duration) {
    metrics.applied(queued, results, duration: duration)
  }

  func retried(_ error: StoreError, isFirst: Bool) {
    metrics.retried(error)
    guard isFirst else { return }
    logger.warning(
      "queued writes wait until the database answers", metadata: ["cause": "\(error.cause)"])
  }

  func returned(_ count: Int, deliveries: Int, _ operation: OperationID?) {
    logger.warning(
      "queued writes come again and again; each is tried alone",
      metadata: [
        "writes": "\(count)", "deliveries": "\(deliveries)",
        "operation": "\(operation?.text ?? "unknown")",
      ])
  }

  func buried(_ operation: OperationID?, cause: String) {
    metrics.buried(1)
    logger.error(
      "a queued write can't be applied; it is in the dead-letter queue",
      metadata: ["operation": "\(operation?.text ?? "unknown")", "cause": "\(cause)"])
  }
}

extension Delivery {
  /// What has queued it, if that is recorded.
  fileprivate var origin: TraceContext? {
    if case .write(let queued) = content { queued.origin } else { nil }
  }
}
