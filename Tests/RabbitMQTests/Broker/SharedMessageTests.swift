import KeyValueStore
import TestServices
import Testing

@testable import RabbitMQ

extension BrokerTests {
  @Suite("Writes share messages of the queue")
  struct SharedMessageTests {
    /// A node whose writes share a message while another one is unconfirmed.
    private func makeNode() async throws -> Node {
      var configuration = RabbitMQConfiguration(try await SharedBroker.running())
      configuration.writeMessagesOutstandingMax = 1
      return try await Node(configuration)
    }

    /// Puts these into the queue as one message.
    private func deliver(_ writes: [QueuedWrite], damaged place: Int? = nil, by node: Node)
      async throws
    {
      var pieces = writes.map { WriteGroup.encode($0) }
      if let place { pieces[place][4] |= 0x80 }
      try await node.deliver(WriteGroup.message(of: pieces, id: writes[0].id))
    }

    @Test("A thousand at once take few messages, and each is delivered once")
    func sharing() async throws {
      let node = try await makeNode()
      let writes = (0..<1_000).map { QueuedWrite("key \($0 % 10)") }
      let confirmed = await withTaskGroup(of: Bool.self) { group in
        for write in writes { group.addTask { await node.submit(write) == nil } }
        return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
      }
      #expect(confirmed == writes.count)
      #expect(try await node.ready(in: node.configuration.writesQueue) < 100)
      let consumer = try node.makeConsumer()
      let running = Running { await consumer.run() }
      var taken: [Delivery] = []
      while taken.count < writes.count { taken += await consumer.next() }
      consumer.acknowledge(taken)
      #expect(Set(taken.map(\.content.operation)) == Set(writes.map(\.id)))
      #expect(taken.count == writes.count)
      #expect(consumer.messageWrites > 1)
      await running.stop()
      #expect(try await node.ready(in: node.configuration.writesQueue) == 0)
      await node.stop()
    }

    @Test("One that is put aside lies alone in the dead-letter queue, and the others are applied")
    func poison() async throws {
      let node = try await makeNode()
      let writes = (0..<5).map { QueuedWrite("key \($0)") }
      try await deliver(writes, by: node)
      let consumer = try node.makeConsumer()
      let running = Running { await consumer.run() }
      let deliveries = try await consumer.nextSoon()
      #expect(deliveries.map(\.content) == writes.map { .write($0) })
      consumer.reject([deliveries[2]])
      consumer.acknowledge(Array(deliveries[..<2] + deliveries[3...]))
      // It ends once the broker knows all of it.
      await running.stop()
      #expect(try await node.ready(in: node.configuration.writesQueue) == 0)
      let letters = try await node.messages(in: node.configuration.deadLetterQueue)
      #expect(letters.count == 1)
      #expect(try WriteMessage.decode(try #require(letters.first)) == writes[2])
      await node.stop()
    }

    @Test("One that can't be read goes to the dead-letter queue, as a worker does it")
    func damaged() async throws {
      let node = try await makeNode()
      let writes = (0..<4).map { QueuedWrite("key \($0)") }
      try await deliver(writes, damaged: 1, by: node)
      let applying = try Applying(node.configuration)
      try await eventually("the others") {
        applying.hasApplied([writes[0], writes[2], writes[3]].map(\.id))
      }
      try await eventually("dead letter") {
        try await node.ready(in: node.configuration.deadLetterQueue) == 1
      }
      await applying.stop()
      #expect(try await node.ready(in: node.configuration.writesQueue) == 0)
      let letters = try await node.messages(in: node.configuration.deadLetterQueue)
      let content = ReceivedWrites(letters[0], connection: 1, number: 1).deliveries.map(\.content)
      #expect(content.map(\.operation) == [writes[1].id])
      #expect(!applying.hasApplied([writes[1].id]))
      await node.stop()
    }

    @Test("A dead letter that no queue takes: its message comes again")
    func noDeadLetterQueue() async throws {
      let node = try await makeNode()
      let writes = (0..<3).map { QueuedWrite("key \($0)") }
      try await deliver(writes, by: node)
      let consumer = try node.makeConsumer()
      let running = Running { await consumer.run() }
      let deliveries = try await consumer.nextSoon()
      let queue = node.configuration.deadLetterQueue
      try await node.configuration.withConnection { try $0.delete(queue, on: 1) }
      consumer.acknowledge(Array(deliveries[1...]))
      consumer.reject([deliveries[0]])
      let again = try await consumer.nextSoon()
      #expect(again.map(\.content) == writes.map { .write($0) })
      #expect(again.allSatisfy { $0.deliveryCount == 1 })
      #expect(node.log.lines.contains { $0.contains("the dead-letter queue is gone") })
      // The new connection has made the queue again.
      consumer.acknowledge(Array(again[1...]))
      consumer.reject([again[0]])
      await running.stop()
      #expect(try await node.ready(in: node.configuration.writesQueue) == 0)
      #expect(try await node.ready(in: queue) == 1)
      await node.stop()
    }

    @Test("Messages of release 0.3 and of this one lie in one queue")
    func releaseBefore() async throws {
      let node = try await makeNode()
      let old = (0..<3).map { QueuedWrite("old \($0)") }
      let new = (0..<3).map { QueuedWrite("new \($0)") }
      for (old, new) in zip(old, new) {
        try await node.deliver(WriteMessage.encode(old))
        #expect(await node.submit(new) == nil)
      }
      let applying = try Applying(node.configuration)
      try await eventually("application") { applying.hasApplied((old + new).map(\.id)) }
      #expect(applying.counts.deliveries == 6)
      await applying.stop()
      #expect(try await node.ready(in: node.configuration.writesQueue) == 0)
      await node.stop()
    }

    @Test("What a worker has not settled when it dies comes again with the rest of its message")
    func redelivered() async throws {
      let node = try await makeNode()
      let writes = (0..<4).map { QueuedWrite("key \($0)") }
      try await deliver(writes, by: node)
      let first = try node.makeConsumer()
      let running = Running { await first.run() }
      let taken = try await first.nextSoon()
      first.acknowledge(Array(taken[..<3]))
      await running.stop()
      let second = try node.makeConsumer()
      let again = Running { await second.run() }
      let deliveries = try await second.nextSoon()
      #expect(deliveries.map(\.content) == writes.map { .write($0) })
      #expect(deliveries.allSatisfy { $0.deliveryCount == 1 })
      second.acknowledge(deliveries)
      await again.stop()
      #expect(try await node.ready(in: node.configuration.writesQueue) == 0)
      await node.stop()
    }
  }
}

extension Delivery.Content {
  /// The operation that it names.
  fileprivate var operation: OperationID? {
    switch self {
    case .write(let queued): queued.id
    case .malformed(_, let id): id
    }
  }
}
