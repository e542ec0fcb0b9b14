import KeyValueStore
import Synchronization
import TestServices
import Testing

@testable import RabbitMQ

extension BrokerTests {
  @Suite("Writes come back as often as it takes, and no more of them than there is memory for")
  struct RedeliveryTests {
    @Test("A write that comes back a hundred times is not put aside")
    func often() async throws {
      let configuration = RabbitMQConfiguration(try await SharedBroker.running())
      let node = try await Node(configuration)
      #expect(await node.submit(QueuedWrite("k")) == nil)
      try await configuration.withConnection { connection in
        try connection.consume(configuration.writesQueue, on: 1, prefetch: 1)
        let wakeup = Wakeup()
        var left = 100
        while left > 0 {
          switch try connection.nextEvent() {
          case .delivered(let delivery)?:
            try connection.requeue(delivery.tag, on: 1)
            left -= 1
          case nil: connection.wait(wakeup, for: .seconds(1), toSend: false)
          default: break
          }
        }
      }
      let consumer = try node.makeConsumer()
      let running = Running { await consumer.run() }
      let deliveries = try await consumer.nextSoon()
      #expect(deliveries.count == 1)
      #expect(try #require(deliveries.first).deliveryCount >= 100)
      consumer.acknowledge(deliveries)
      await running.stop()
      #expect(try await node.ready(in: configuration.writesQueue) == 0)
      #expect(try await node.ready(in: configuration.deadLetterQueue) == 0)
      await node.stop()
    }

    @Test("RabbitMQ's consumer timeout, and a worker that holds on for longer than it")
    func timeout() async throws {
      let server = try await SharedBroker.running()
      let node = try await Node(RabbitMQConfiguration(server))
      // A channel reads it when it is opened, and checks it once a minute unless told to.
      let seconds = "application:set_env(rabbit, consumer_timeout, 1000)."
      _ = try await offloaded { try server.control("eval", seconds) }
      let consumer = try node.makeConsumer()
      let running = Running { await consumer.run() }
      let write = QueuedWrite("k")
      #expect(await node.submit(write) == nil)
      let held = try await consumer.nextSoon()
      try await eventually("timeout") {
        _ = try await offloaded {
          try server.control("eval", "[C ! tick || C <- rabbit_channel:list_local()].")
        }
        return node.log.lines.contains { $0.contains("acknowledgement on channel 1 timed out") }
      }
      _ = try await offloaded {
        try server.control("eval", "application:set_env(rabbit, consumer_timeout, 1800000).")
      }
      // Of a connection that is gone.
      consumer.acknowledge(held)
      let again = try await consumer.nextSoon()
      #expect(again.map(\.content) == [.write(write)])
      consumer.acknowledge(again)
      await running.stop()
      #expect(try await node.ready(in: node.configuration.writesQueue) == 0)
      await node.stop()
    }

    @Test("A queue of an earlier version is used, with a warning that it is limited")
    func earlierVersion() async throws {
      let configuration = RabbitMQConfiguration(try await SharedBroker.running())
      try await configuration.withConnection { try $0.declareWrites(on: 1, .limited) }
      let node = try await Node(configuration)
      let applying = try Applying(configuration, log: node.log)
      let write = QueuedWrite("k")
      #expect(await node.submit(write) == nil)
      try await eventually("delivery") { applying.hasApplied([write.id]) }
      #expect(node.log.lines.contains { $0.contains("puts aside what comes back 50 times") })
      await applying.stop()
      await node.stop()
    }

    @Test("A worker holds no more bytes than it may, however long, and gets the rest then")
    func bytes() async throws {
      var configuration = RabbitMQConfiguration(try await SharedBroker.running())
      configuration.deliveryBytesMax = 4 << 20
      configuration.heartbeat = .seconds(1)
      configuration.stallPatience = .seconds(2)
      let node = try await Node(configuration)
      let value = String(repeating: "x", count: 1 << 20)
      var missing: Set<OperationID> = []
      for number in 0..<40 {
        let write = QueuedWrite("key \(number)", value: value)
        #expect(await node.submit(write) == nil)
        missing.insert(write.id)
      }
      let consumer = try node.makeConsumer()
      let running = Running { await consumer.run() }
      var held = try await consumer.nextSoon()
      try await eventually("memory") { consumer.bytesHeld >= configuration.deliveryBytesMax }
      // The broker gives up a client without heartbeats after 3 s; the consumer, a stuck broker.
      let end = ContinuousClock.now + .seconds(6)
      try await eventually("patience of the broker") { ContinuousClock.now > end }
      #expect(node.log.lines.allSatisfy { !$0.contains("lost the connection") })
      while !held.isEmpty {
        #expect(consumer.bytesHeld < 6 << 20, "one more than fits, and some headers")
        for case .write(let write) in held.map(\.content) { missing.remove(write.id) }
        consumer.acknowledge(held)
        held = missing.isEmpty ? [] : try await consumer.nextSoon()
      }
      #expect(missing.isEmpty)
      #expect(node.log.lines.allSatisfy { !$0.contains("lost the connection") })
      await running.stop()
      #expect(try await node.ready(in: configuration.writesQueue) == 0)
      await node.stop()
    }

    @Test("What the worker holds of a lost connection counts until it asks for more")
    func bytesOfLostConnection() async throws {
      let server = try await SharedBroker.running()
      var configuration = RabbitMQConfiguration(server)
      configuration.deliveryBytesMax = 2 << 20
      configuration.gathering = .zero
      let node = try await Node(configuration)
      let value = String(repeating: "x", count: 1 << 20)
      for number in 0..<4 {
        #expect(await node.submit(QueuedWrite("key \(number)", value: value)) == nil)
      }
      let consumer = try node.makeConsumer()
      let running = Running { await consumer.run() }
      var held = try await consumer.nextSoon()
      try await eventually("memory") { consumer.bytesHeld >= configuration.deliveryBytesMax }
      _ = try await offloaded { try server.control("close_all_connections", "test") }
      try await eventually("another connection") { (try? consumer.checkHealth()) != nil }
      #expect(consumer.bytesHeld < 4 << 20)
      var keys: Set<Key> = []
      while keys.count < 4 {
        held = try await consumer.nextSoon()
        #expect(consumer.bytesHeld < 4 << 20)
        for case .write(let write) in held.map(\.content) { keys.insert(write.write.key) }
        consumer.acknowledge(held)
      }
      await running.stop()
      await node.stop()
    }
  }
}
