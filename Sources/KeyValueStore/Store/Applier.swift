/// Applies what the queue delivers: each write exactly once, in the order of delivery, however
/// often it is delivered.
///
/// A batch is one transaction, and is acknowledged after it. If the worker dies in between, the
/// writes are delivered again, and their results are on record. While the database is away the
/// worker holds the writes, however long it takes. A write that can never be applied, because the
/// database refuses it or it is malformed, goes to the dead-letter queue, without those that came
/// with it, and its operation becomes `failed`. The number of its deliveries alone never sends a
/// write there.
public final class Applier {
  private let store: Store
  private let database: any SharedDatabase
  private let source: any WriteSource
  private let observer: any ApplierObserver
  private let makePauses: () -> () -> Duration

  /// - Parameter makePauses: makes the pauses between the attempts of one step. They have jitter,
  ///   which keeps the workers from coming back all at once.
  public init(
    store: Store, database: any SharedDatabase, source: any WriteSource,
    observer: any ApplierObserver, makePauses: @escaping () -> () -> Duration
  ) {
    self.store = store
    self.database = database
    self.source = source
    self.observer = observer
    self.makePauses = makePauses
  }

  /// Applies deliveries and acknowledges them. When its task is cancelled it returns early; the
  /// broker delivers those again that were not acknowledged.
  public func apply(_ deliveries: [Delivery]) async {
    if deliveries.isEmpty { return }
    observer.took(deliveries.count, oldest: Self.oldest(of: deliveries))
    defer { observer.finished(deliveries.count) }
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

  /// Reports writes that were delivered several times: they may be what makes workers die.
  private func reportReturned(_ writes: [Delivery]) {
    let returned = writes.filter { $0.deliveryCount >= DeliveryParts.aloneAfter }
    guard let worst = returned.max(by: { $0.deliveryCount < $1.deliveryCount }) else { return }
    observer.returned(
      returned.count, deliveries: worst.deliveryCount + 1, PendingDelivery(worst)?.queued.id)
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
  /// transaction of its own, down to the write that is refused.
  private func apply(_ part: ArraySlice<PendingDelivery>) async {
    guard !part.isEmpty else { return }
    let start = store.clock.now()
    let queued = part.map(\.queued)
    let attempt = await persist { () async throws(StoreError) in try await store.apply(queued) }
    switch attempt {
    case .success(let results):
      settle(part, results)
      observer.applied(queued, results, duration: store.clock.now() - start)
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

  private func settle(_ part: ArraySlice<PendingDelivery>, _ results: [AppliedWrite]) {
    var (done, dead): ([Delivery], [Delivery]) = ([], [])
    for (pending, result) in zip(part, results) {
      // It was given up before and has come again: it may not be in the dead-letter queue yet.
      if result.record.state == .failed {
        dead.append(pending.delivery)
      } else {
        done.append(pending.delivery)
      }
    }
    source.acknowledge(done)
    if !dead.isEmpty { source.reject(dead) }
  }

  /// Gives up a write: records the failure of its operation, then sends it to the dead-letter
  /// queue.
  private func bury(_ delivery: Delivery, _ id: OperationID?, why: String) async {
    if let id {
      let attempt = await persist { () async throws(StoreError) in
        try await database.recordFailures(of: [id])
      }
      if case .failure(.cancelled) = attempt { return }
    }
    source.reject([delivery])
    observer.buried(id, cause: why)
  }

  /// Why a step failed for good.
  private enum Failure: Error {
    /// The worker is leaving.
    case cancelled
    /// The database refuses it for good.
    case rejected(String)
  }

  /// Repeats a step until it succeeds or can't: the writes are safe nowhere else.
  private func persist<Result>(
    _ step: () async throws(StoreError) -> Result
  ) async -> Swift.Result<Result, Failure> {
    let nextPause = makePauses()
    var isFirst = true
    while true {
      do throws(StoreError) {
        return .success(try await step())
      } catch {
        if case .rejected(let cause) = error { return .failure(.rejected(cause)) }
        observer.retried(error, isFirst: isFirst)
        isFirst = false
        guard await store.clock.wait(nextPause()) else { return .failure(.cancelled) }
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

/// Receives the events of an applier that operators want to know.
public protocol ApplierObserver {
  /// A batch of deliveries came; the oldest write among them was accepted at `oldest`.
  func took(_ count: Int, oldest: Timestamp?)

  /// The deliveries that came last, `count` of them, are done with or given up.
  func finished(_ count: Int)

  /// A transaction was committed, and its writes are acknowledged.
  func applied(_ queued: [QueuedWrite], _ results: [AppliedWrite], duration: Duration)

  /// A batch is held because of `error`. `isFirst`: it has not been held before.
  func retried(_ error: StoreError, isFirst: Bool)

  /// `count` writes come again and again, one of them for the `deliveries`th time: `operation`.
  func returned(_ count: Int, deliveries: Int, _ operation: OperationID?)

  /// A write went to the dead-letter queue.
  func buried(_ operation: OperationID?, cause: String)
}
