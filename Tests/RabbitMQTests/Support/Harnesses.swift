import Embedded
import Foundation
import KeyValueStore
import Observability
import StoreContracts
import Synchronization
import Testing
import TestServices

@testable import RabbitMQ

/// A stream of its own on the shared broker that keeps little.
final class FeedHarness: ChangeFeedHarness {
  private let configuration: RabbitMQConfiguration
  private(set) var publisher: RabbitMQPublisher
  private(set) var watcher: RabbitMQWatcher
  private var running: [Running]

  init() async throws {
    var configuration = RabbitMQConfiguration(try await SharedBroker.running())
    configuration.changeSegmentBytes = 20_000
    configuration.changeBytesKept = 40_000
    configuration.watchedBytesMax = 10_000
    configuration.changeSkewMax = .milliseconds(5)
    self.configuration = configuration
    (publisher, watcher, running) = try await FeedHarness.start(configuration)
  }

  private static func start(
    _ configuration: RabbitMQConfiguration
  ) async throws -> (RabbitMQPublisher, RabbitMQWatcher, [Running]) {
    let log = RecordedLog()
    let metrics = RabbitMQMetrics(in: MetricsRegistry())
    let publisher = try RabbitMQPublisher(
      configuration, published: nil, metrics: metrics, logger: log.logger)
    let watcher = try RabbitMQWatcher(configuration, metrics: metrics, logger: log.logger)
    let running = [Running { await publisher.run() }, Running { await watcher.run() }]
    try await publisher.untilHealthy()
    return (publisher, watcher, running)
  }

  var feed: any ChangeFeed & Sendable {
    RabbitMQChangeFeed(publisher: publisher, watcher: watcher)
  }

  func waiting(_ count: Int) async throws {
    while watcher.state.withLock({ $0.waitingCount }) < count { await Task.yield() }
  }

  /// A stream forgets whole files, some time after a new one was begun.
  func outgrow() async throws {
    let now = try #require(try await feed.subscribe(after: nil))
    try await feed.publish([FeedHarness.filling])
    let first = try #require(try await now.next()?.first)
    let end = ContinuousClock.now + .seconds(30)
    while ContinuousClock.now < end {
      for _ in 0..<50 {
        try await feed.publish([Change](repeating: FeedHarness.filling, count: 10))
        try await feed.flush()
      }
      if try await feed.subscribe(after: first.position) == nil { return }
    }
    throw ServiceFailure("the stream keeps everything")
  }

  private static let filling = Change(
    key: Key(trusted: [UInt8](repeating: 0x66, count: 100)), revision: Revision(1), kind: .delete)

  func restart() async throws {
    await stop()
    (publisher, watcher, running) = try await FeedHarness.start(configuration)
  }

  func stop() async {
    for each in running { await each.stop() }
  }
}

/// Queues of its own on the shared broker, and a consumer that applies what comes.
final class QueueHarness: WriteQueueHarness {
  let publisher: RabbitMQPublisher
  private let applying: Applying
  private let running: Running
  private let counted: CountedQueue

  init() async throws {
    let configuration = RabbitMQConfiguration(try await SharedBroker.running())
    let publisher = try RabbitMQPublisher(
      configuration, published: nil, metrics: RabbitMQMetrics(in: MetricsRegistry()),
      logger: RecordedLog().logger)
    self.publisher = publisher
    running = Running { await publisher.run() }
    applying = try Applying(configuration)
    counted = CountedQueue(RabbitMQQueue(publisher: publisher))
    try await publisher.untilHealthy()
  }

  var queue: any WriteQueue { counted }
  var database: any Database { applying.database }

  func now() -> Timestamp { .systemTime() }

  func drain() async throws {
    try await eventually("application of all writes") {
      applying.counts.deliveries >= counted.submitted
    }
  }

  func stop() async {
    await applying.stop()
    await running.stop()
  }
}

/// Counts what was submitted.
final class CountedQueue: WriteQueue, Sendable {
  private let queue: any WriteQueue & Sendable
  private let count = Atomic(0)

  init(_ queue: any WriteQueue & Sendable) { self.queue = queue }

  var submitted: Int { count.load(ordering: .relaxed) }
  var keepsWrites: Bool { queue.keepsWrites }

  func submit(_ queued: QueuedWrite) async throws(StoreError) -> QueueReceipt {
    let receipt = try await queue.submit(queued)
    count.add(1, ordering: .relaxed)
    return receipt
  }

  func checkHealth() async throws(StoreError) { try await queue.checkHealth() }
}
