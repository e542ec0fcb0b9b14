import KeyValueStore
import Observability
import Synchronization
import Testing
import TestServices

@testable import RabbitMQ

/// A publisher that runs, with its queue.
final class Node: Sendable {
  let configuration: RabbitMQConfiguration
  let log = RecordedLog()
  let metrics = RabbitMQMetrics(in: MetricsRegistry())
  let published = PublishedChanges()
  let publisher: RabbitMQPublisher
  private let running: Running

  /// - Parameter isReachable: wait until it is connected.
  init(_ configuration: RabbitMQConfiguration, isReachable: Bool = true) async throws {
    self.configuration = configuration
    let publisher = try RabbitMQPublisher(
      configuration, published: published, metrics: metrics, logger: log.logger)
    self.publisher = publisher
    running = Running { await publisher.run() }
    if isReachable { try await publisher.untilHealthy() }
  }

  func makeWatcher() throws -> RabbitMQWatcher {
    try RabbitMQWatcher(configuration, metrics: metrics, logger: log.logger)
  }

  func makeConsumer() throws -> RabbitMQConsumer {
    try RabbitMQConsumer(configuration, metrics: metrics, logger: log.logger)
  }

  func stalls(of connection: RabbitMQMetrics.Connection) -> UInt64 {
    metrics.stalls[connection].value
  }

  var queue: RabbitMQQueue { RabbitMQQueue(publisher: publisher) }

  /// Why a write was not queued; nil: it was.
  func submit(_ queued: QueuedWrite) async -> StoreError? {
    do throws(StoreError) {
      let receipt = try await queue.submit(queued)
      return receipt == .queued ? nil : .rejected(cause: "not queued")
    } catch {
      return error
    }
  }

  func stop() async { await running.stop() }

  /// Sends a message to the queue of writes by a connection of its own, and returns when the queue
  /// has it.
  func deliver(_ message: OutgoingMessage) async throws {
    let queue = configuration.writesQueue
    let before = try await ready(in: queue)
    try await configuration.withConnection { try $0.publish(message, to: queue, on: 1) }
    try await eventually("message") { try await ready(in: queue) > before }
  }

  /// The messages that a queue holds, which stay there.
  func messages(in queue: String) async throws -> [ReceivedMessage] {
    let count = try await ready(in: queue)
    return try await configuration.withConnection { connection in
      try connection.consume(queue, on: 1, prefetch: 0)
      let wakeup = Wakeup()
      var messages: [ReceivedMessage] = []
      while messages.count < count {
        switch try connection.nextEvent() {
        case .delivered(let delivery)?: messages.append(delivery.message)
        case nil: connection.wait(wakeup, for: .seconds(1), toSend: false)
        default: break
        }
      }
      return messages
    }
  }

  /// How many messages a queue holds, by a connection of its own.
  func ready(in queue: String) async throws -> Int {
    try await configuration.withConnection { try $0.messagesReady(in: queue, on: 1) }
  }
}

extension StoreError? {
  var isUnavailable: Bool {
    if case .unavailable = self { true } else { false }
  }

  var isUnknown: Bool {
    if case .outcomeUnknown = self { true } else { false }
  }
}

/// Something that runs until the test is done with it.
final class Running: Sendable {
  private let task: Task<Void, Never>

  init(_ body: @escaping @Sendable () async -> Void) { task = Task { await body() } }

  deinit { task.cancel() }

  func stop() async {
    task.cancel()
    await task.value
  }
}

extension RabbitMQConsumer {
  /// What comes next, if that is soon.
  func nextSoon() async throws -> [Delivery] {
    let next = Mutex<[Delivery]?>(nil)
    let waiting = Running {
      let deliveries = await self.next()
      next.withLock { $0 = deliveries }
    }
    try await eventually("delivery", seconds: 20) { next.withLock { $0 != nil } }
    await waiting.stop()
    return next.withLock { $0 ?? [] }
  }
}

extension RabbitMQPublisher {
  /// Returns when messages can be published. Longer than any election takes.
  func untilHealthy() async throws {
    try await eventually("connection to RabbitMQ", seconds: 60) { (try? checkHealth()) != nil }
  }
}

/// Writes of different keys, one after the other for each worker, until its task is
/// cancelled.
final class Load: Sendable {
  private let state = Mutex(State())

  private struct State {
    var accepted: [QueuedWrite] = []
    var unknown: [QueuedWrite] = []
  }

  /// Those that the queue has.
  var accepted: [QueuedWrite] { state.withLock { $0.accepted } }

  /// Those that it may have, now or later.
  var unknown: [QueuedWrite] { state.withLock { $0.unknown } }

  func run(_ worker: Int, on node: Node) async {
    var number = 0
    while !Task.isCancelled {
      number += 1
      let write = QueuedWrite("key \(worker) \(number)")
      let error = await node.submit(write)
      state.withLock { state in
        if error == nil { state.accepted.append(write) }
        if error.isUnknown { state.unknown.append(write) }
      }
      if error.isUnavailable { await pause() }
    }
  }
}
