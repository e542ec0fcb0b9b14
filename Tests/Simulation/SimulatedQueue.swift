package import KeyValueStore

/// The queue of a run: it delivers what it has accepted, at least once, in some order, to whichever
/// worker asks.
package final class SimulatedQueue {
  package let stage: Stage
  /// Whether nobody reaches it.
  package var isDown = false
  private var waiting: [Message] = []
  private var isHoldingBack = false
  private var unacknowledged: [(delivery: Delivery, taker: Process)] = []
  private var lastDelivery: UInt64 = 0
  private var takers: [CheckedContinuation<Void, Never>] = []
  private struct Message {
    let queued: QueuedWrite
    /// Not delivered before.
    var due: Duration
    var deliveries = 0
  }

  package init(on stage: Stage) { self.stage = stage }

  /// Whether everything was applied or given up.
  package var isEmpty: Bool { waiting.isEmpty && unacknowledged.isEmpty }
  package var count: Int { waiting.count + unacknowledged.count }

  /// Takes a message.
  func accept(_ queued: QueuedWrite) {
    let (odds, chance) = (stage.odds, stage.chance)
    let copies = chance.oneIn(odds.duplicates) ? 2 : 1
    for _ in 0..<copies {
      let isLate = chance.oneIn(odds.lateDeliveries)
      let isHeldBack = isHoldingBack && chance.oneIn(2)
      let delay = isHeldBack ? .seconds(3_600) : chance.milliseconds(isLate ? 20...1_500 : 0...2)
      let due = stage.simulator.elapsed + delay
      waiting.append(Message(queued: queued, due: due))
    }
    wake()
  }

  /// Holds back about every other message that it takes from now on, until `release`.
  package func holdBack() { isHoldingBack = true }

  /// Delivers what was held back, a while from now.
  package func release() {
    isHoldingBack = false
    let now = stage.simulator.elapsed
    for place in waiting.indices where waiting[place].due > now {
      waiting[place].due = now + stage.chance.milliseconds(0...3_000)
    }
    wake()
  }

  /// The next messages for a worker; none: it has died.
  func next(for process: Process) async -> [Delivery] {
    while process.isAlive {
      let now = stage.simulator.elapsed
      let due = waiting.indices.filter { waiting[$0].due <= now }
      if !due.isEmpty, !isDown { return take(due, for: process) }
      if let first = waiting.map(\.due).min(), first > now {
        // Another one may come before.
        await stage.simulator.pause(for: min(first - now, .milliseconds(100)))
      } else {
        await withCheckedContinuation { takers.append($0) }
      }
    }
    return []
  }

  /// Some of the messages that are due, in some order.
  private func take(_ due: [Int], for process: Process) -> [Delivery] {
    let chance = stage.chance
    let taken = due.prefix(chance.number(in: 1...8))
    let messages = taken.map { waiting[$0] }
    for place in taken.reversed() { waiting.remove(at: place) }
    stage.note("\(process.name) takes \(messages.map { $0.queued.write.key.text })")
    let deliveries = messages.map { message in
      lastDelivery += 1
      return Delivery(
        content: .write(message.queued), deliveryCount: message.deliveries, bytes: 100,
        tag: DeliveryTag(connection: 1, number: lastDelivery))
    }
    for delivery in deliveries {
      unacknowledged.append((delivery, process))
      // Its connection may be lost, which the worker does not know yet.
      if chance.oneIn(stage.odds.duplicates) { putBack(delivery) }
    }
    return deliveries
  }

  private func putBack(_ delivery: Delivery) {
    finish([delivery])
    guard case .write(let queued) = delivery.content else { return }
    let due = stage.simulator.elapsed + stage.chance.milliseconds(0...20)
    waiting.append(Message(queued: queued, due: due, deliveries: delivery.deliveryCount + 1))
    wake()
  }

  /// The deliveries are done. One that was put back meanwhile comes again.
  func finish(_ deliveries: [Delivery]) {
    unacknowledged.removeAll { done in deliveries.contains { $0.tag == done.delivery.tag } }
  }

  /// A process has died: what it has not acknowledged comes again.
  func disconnect(_ process: Process) {
    for (delivery, taker) in unacknowledged where taker === process { putBack(delivery) }
    wake()
  }

  /// Lets all workers look again.
  package func wake() {
    let woken = takers
    takers = []
    for taker in woken { taker.resume() }
  }
}

/// A worker's way out of the queue.
final class QueueSource: WriteSource {
  private let queue: SimulatedQueue
  private let process: Process

  init(from queue: SimulatedQueue, of process: Process) {
    self.queue = queue
    self.process = process
  }

  func next() async -> [Delivery] { await queue.next(for: process) }

  func acknowledge(_ deliveries: [Delivery]) { if process.isAlive { queue.finish(deliveries) } }

  /// They are put aside for ever.
  func reject(_ deliveries: [Delivery]) { acknowledge(deliveries) }
}

/// A process's way into the queue.
package class QueueConnection: WriteQueue {
  private let queue: SimulatedQueue
  let process: Process

  package required init(to queue: SimulatedQueue, of process: Process) {
    self.queue = queue
    self.process = process
  }

  package let keepsWrites = true

  package func submit(_ queued: QueuedWrite) async throws(StoreError) -> QueueReceipt {
    let stage = process.stage
    let (odds, chance) = (stage.odds, stage.chance)
    guard process.isAlive else { throw Self.away }
    await stage.travel()
    if queue.isDown || chance.oneIn(odds.refusedMessages) || !process.isAlive { throw Self.away }
    let isLost = chance.oneIn(odds.lostConfirms)
    if !isLost || chance.oneIn(2) {
      stage.note(
        "\(process.name) queues \(queued.write.key.text) of \(queued.acceptedAt.microseconds)")
      queue.accept(queued)
    }
    await stage.travel()
    if isLost || !process.isAlive {
      await stage.simulator.pause(for: .seconds(1))
      throw .outcomeUnknown(cause: "no confirm")
    }
    return .queued
  }

  private static let away = StoreError.unavailable(cause: "no queue", retryAfter: 1)

  package func checkHealth() async throws(StoreError) {
    if queue.isDown || !process.isAlive { throw Self.away }
  }
}
