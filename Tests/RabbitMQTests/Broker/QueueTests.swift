import KeyValueStore
import Observability
import Synchronization
import TestServices
import Testing

@testable import RabbitMQ

extension BrokerTests {
  @Suite("Writes wait in the queue")
  struct QueueTests {
    @Test("Ten thousand writes submitted at once are all confirmed and delivered")
    func many() async throws {
      let node = try await Node(RabbitMQConfiguration(SharedBroker.running()))
      let writes = (0..<10_000).map { QueuedWrite("key \($0)") }
      let confirmed = try await withThrowingTaskGroup(of: Bool.self) { group in
        for write in writes {
          group.addTask { await node.submit(write) == nil }
        }
        return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
      }
      #expect(confirmed == writes.count)
      #expect(node.publisher.outstanding.writes == 0)
      #expect(node.metrics.unconfirmedWrites.value == 0)
      #expect(node.publisher.outstanding.writeBytes == 0)
      let applying = try Applying(node.configuration)
      try await eventually("delivery of all") { applying.hasApplied(writes.map(\.id)) }
      #expect(applying.counts.deliveries == writes.count)
      await applying.stop()
      await node.stop()
    }

    @Test("More writes than may wait are refused as overloaded, and so are more bytes")
    func bounded() async throws {
      var configuration = RabbitMQConfiguration(try await SharedBroker.running())
      configuration.writesOutstandingMax = 10
      configuration.writeBytesOutstandingMax = 100_000
      let node = try await Node(configuration)
      let results = await withTaskGroup(of: StoreError?.self) { group in
        for _ in 0..<2_000 { group.addTask { await node.submit(QueuedWrite("k")) } }
        return await group.reduce(into: [StoreError?]()) { $0.append($1) }
      }
      #expect(results.contains(nil))
      #expect(results.allSatisfy { $0 == nil || $0 == .overloaded(retryAfter: 1) })
      let long = QueuedWrite("k", value: String(repeating: "x", count: 100_001))
      #expect(await node.submit(long) == .overloaded(retryAfter: 1))
      await node.stop()
    }

    @Test("A malformed message is told apart, rejected, and lies in the dead-letter queue")
    func malformed() async throws {
      let node = try await Node(RabbitMQConfiguration(SharedBroker.running()))
      let id = OperationID.random()
      var message = OutgoingMessage(id: id.text.utf8, body: [1])
      message.add(.version, 99)
      try await node.deliver(message)
      let consumer = try node.makeConsumer()
      let running = Running { await consumer.run() }
      let deliveries = await consumer.next()
      #expect(deliveries.count == 1)
      guard case .malformed(let reason, let found) = try #require(deliveries.first).content else {
        throw ServiceFailure("not malformed")
      }
      #expect(found == id && reason.contains("99"))
      consumer.reject(deliveries)
      try await eventually("dead letter") {
        try await node.ready(in: node.configuration.deadLetterQueue) == 1
      }
      #expect(try await node.ready(in: node.configuration.writesQueue) == 0)
      await running.stop()
      await node.stop()
    }

    @Test("What a consumer that ends has not acknowledged comes again")
    func redelivered() async throws {
      let node = try await Node(RabbitMQConfiguration(SharedBroker.running()))
      let writes = (0..<20).map { QueuedWrite("key \($0)") }
      for write in writes { #expect(await node.submit(write) == nil) }
      let first = try node.makeConsumer()
      let running = Running { await first.run() }
      var taken: [Delivery] = []
      while taken.count < writes.count { taken += await first.next() }
      #expect(taken.allSatisfy { $0.deliveryCount == 0 })
      first.acknowledge(Array(taken[..<5]))
      first.acknowledge(Array(taken[7..<9]))
      await running.stop()
      #expect(await first.next().isEmpty)
      let applying = try Applying(node.configuration)
      let left = writes[5..<7] + writes[9...]
      try await eventually("delivery of the rest") { applying.hasApplied(left.map(\.id)) }
      #expect(applying.counts.deliveries == left.count)
      await applying.stop()
      await node.stop()
    }

    @Test("A task that waits for deliveries can be cancelled, and then another one may wait")
    func cancelled() async throws {
      let node = try await Node(RabbitMQConfiguration(SharedBroker.running()))
      let consumer = try node.makeConsumer()
      let running = Running { await consumer.run() }
      try await eventually("consumer") { (try? consumer.checkHealth()) != nil }
      let waiting = Task { await consumer.next() }
      waiting.cancel()
      #expect(await waiting.value.isEmpty)
      async let deliveries = consumer.next()
      #expect(await node.submit(QueuedWrite("k")) == nil)
      #expect(await deliveries.count == 1)
      try await eventually("depth of the queue", seconds: 10) { consumer.depth != nil }
      #expect(consumer.depth?.dead == 0)
      await running.stop()
      #expect(throws: StoreError.self) { try consumer.checkHealth() }
      await node.stop()
    }

    @Test("A queue of that name with other arguments is an error that says so")
    func otherArguments() async throws {
      let configuration = RabbitMQConfiguration(try await SharedBroker.running())
      try await configuration.withConnection {
        try $0.declare(configuration.writesQueue, on: 1, arguments: [])
      }
      let node = try await Node(configuration, isReachable: false)
      try await eventually("complaint") {
        node.log.lines.contains { $0.contains("inequivalent arg") }
      }
      #expect(await node.submit(QueuedWrite("k")).isUnavailable)
      await node.stop()
    }

    @Test("A queue that was deleted is noticed by the first write, and declared again")
    func deleted() async throws {
      let node = try await Node(RabbitMQConfiguration(SharedBroker.running()))
      #expect(await node.submit(QueuedWrite("k")) == nil)
      try await node.configuration.withConnection {
        try $0.delete(node.configuration.writesQueue, on: 1)
      }
      let error = await node.submit(QueuedWrite("k"))
      #expect(error.isUnavailable, "\(String(describing: error))")
      try await eventually("new queue") { await node.submit(QueuedWrite("k")) == nil }
      await node.stop()
    }

    @Test("What was accepted before the end is confirmed, and nothing after it")
    func ending() async throws {
      let node = try await Node(RabbitMQConfiguration(SharedBroker.running()))
      async let results = withTaskGroup(of: StoreError?.self) { group in
        for _ in 0..<500 { group.addTask { await node.submit(QueuedWrite("k")) } }
        return await group.reduce(into: [StoreError?]()) { $0.append($1) }
      }
      try await eventually("submission") { node.metrics.unconfirmedWrites.value > 0 }
      await node.stop()
      let all = await results
      #expect(all.allSatisfy { $0 == nil || $0.isUnavailable })
      let applying = try Applying(node.configuration)
      let queued = all.count { $0 == nil }
      try await eventually("delivery of what was confirmed") {
        applying.counts.deliveries == queued
      }
      await applying.stop()
      #expect(try await node.ready(in: node.configuration.writesQueue) == 0)
      #expect(await node.submit(QueuedWrite("k")).isUnavailable)
      #expect(node.metrics.unconfirmedWrites.value == 0)
    }
  }
}
