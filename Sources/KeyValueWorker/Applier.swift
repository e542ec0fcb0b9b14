import Basics
import KeyValueStore
import Logging
import RabbitMQ
import ServiceLifecycle

/// Applies what the queue delivers: each write exactly once, in the order of delivery, however
/// often it is delivered.
///
/// A batch is one transaction, and is acknowledged after it. If the worker dies in between, the
/// writes are delivered again, and their results are on record. While the database is away the
/// worker holds the messages, however long it takes. A message that can never be applied, because
/// the database refuses it or it is malformed, goes to the dead-letter queue, and its operation
/// becomes `failed`. The number of its deliveries alone never sends a message there.
final class Applier {
  private let store: Store
  private let database: any SharedDatabase
  private let consumer: RabbitMQConsumer
  private let metrics: WorkerMetrics
  private let logger: Logger

  init(
    store: Store, database: any SharedDatabase, consumer: RabbitMQConsumer,
    metrics: WorkerMetrics, logger: Logger
  ) {
    self.store = store
    self.database = database
    self.consumer = consumer
    self.metrics = metrics
    self.logger = logger
  }

  /// Applies deliveries and acknowledges them. When its task is cancelled it returns early; the
  /// broker delivers those again that were not acknowledged.
  func apply(_ deliveries: [Delivery]) async {
    if deliveries.isEmpty { return }
    metrics.took(deliveries.count, oldest: Self.oldest(of: deliveries))
    defer { metrics.finished(deliveries.count) }
    var writes: [Delivery] = []
    for delivery in deliveries {
      switch delivery.content {
      case .write: writes.append(delivery)
      case .malformed(let reason, let id): await bury(delivery, id, why: reason)
      }
    }
    reportReturned(writes)
    for part in DeliveryParts.cut(writes, bytesMax: Self.bytesMax) {
      if Task.isCancelled { return }
      await apply(part.compactMap { PendingDelivery($0) }[...])
    }
  }

  /// Logs messages that were delivered several times: they may be what makes workers die.
  private func reportReturned(_ writes: [Delivery]) {
    let returned = writes.filter { $0.deliveryCount >= DeliveryParts.aloneAfter }
    guard let worst = returned.max(by: { $0.deliveryCount < $1.deliveryCount }) else { return }
    logger.warning(
      "queued writes come again and again; each is tried alone",
      metadata: [
        "writes": "\(returned.count)", "deliveries": "\(worst.deliveryCount + 1)",
        "operation": "\(PendingDelivery(worst)?.queued.id.text ?? "unknown")",
      ])
  }

  /// When the oldest write among them was accepted.
  private static func oldest(of deliveries: [Delivery]) -> Timestamp? {
    deliveries.compactMap { delivery in
      if case .write(let queued) = delivery.content { queued.acceptedAt } else { nil }
    }.min()
  }

  /// Bytes in one transaction, at most; a single write may exceed it.
  private static let bytesMax = 8 << 20

  /// Applies deliveries in one transaction. If the database refuses it for good, each half gets a
  /// transaction of its own, down to the message that is refused.
  private func apply(_ part: ArraySlice<PendingDelivery>) async {
    guard !part.isEmpty else { return }
    let start = ContinuousClock.now
    let queued = part.map(\.queued)
    let attempt = await persist { () async throws(StoreError) in try await store.apply(queued) }
    switch attempt {
    case .success(let results):
      consumer.acknowledge(part.map(\.delivery))
      metrics.applied(queued, results, duration: ContinuousClock.now - start)
    case .failure(.cancelled):
      return
    case .failure(.rejected(let cause)) where part.count == 1:
      await bury(part[part.startIndex].delivery, queued[0].id, why: cause)
    case .failure(.rejected):
      let middle = part.startIndex + part.count / 2
      await apply(part[..<middle])
      await apply(part[middle...])
    }
  }

  /// Gives up a message: records the failure of its operation, then sends it to the dead-letter
  /// queue.
  private func bury(_ delivery: Delivery, _ id: OperationID?, why: String) async {
    if let id {
      let attempt = await persist { () async throws(StoreError) in
        try await database.recordFailures(of: [id])
      }
      if case .failure(.cancelled) = attempt { return }
    }
    logger.error(
      "a queued write can't be applied; it is in the dead-letter queue",
      metadata: ["operation": "\(id?.text ?? "unknown")", "cause": "\(why)"])
    consumer.reject([delivery])
    metrics.buried(1)
  }

  /// Why a step failed for good.
  private enum Failure: Error {
    /// The worker is leaving.
    case cancelled
    /// The database refuses it for good.
    case rejected(String)
  }

  /// Repeats a step until it succeeds or can't: the messages are safe nowhere else.
  private func persist<Result>(
    _ step: () async throws(StoreError) -> Result
  ) async -> Swift.Result<Result, Failure> {
    // Jitter keeps the workers from coming back all at once.
    var backoff = Backoff(first: .milliseconds(50), longest: .seconds(1))
    var isWaiting = false
    while true {
      do throws(StoreError) {
        return .success(try await step())
      } catch {
        if case .rejected(let cause) = error { return .failure(.rejected(cause)) }
        metrics.retried(error)
        if !isWaiting {
          isWaiting = true
          logger.warning(
            "queued writes wait until the database answers", metadata: ["cause": "\(error.cause)"])
        }
        try? await Task.sleep(for: backoff.next())
        if Task.isCancelled { return .failure(.cancelled) }
      }
    }
  }
}

/// A delivery with the write that it carries.
private struct PendingDelivery {
  let delivery: Delivery
  let queued: QueuedWrite

  /// Nil: it carries none.
  init?(_ delivery: Delivery) {
    guard case .write(let queued) = delivery.content else { return nil }
    self.delivery = delivery
    self.queued = queued
  }
}

/// Takes messages from the queue and applies them, batch after batch.
struct ApplyService: Service {
  let executor: any TaskExecutor
  let makeApplier: @Sendable () -> Applier
  let consumer: RabbitMQConsumer

  /// When the process is asked to stop, the batch in progress is finished, unless the database is
  /// away: then the broker delivers it to another worker.
  func run() async throws {
    await cancelWhenGracefulShutdown {
      await withTaskExecutorPreference(executor) {
        let applier = makeApplier()
        while !Task.isCancelled {
          await applier.apply(await consumer.next())
        }
      }
    }
  }
}
