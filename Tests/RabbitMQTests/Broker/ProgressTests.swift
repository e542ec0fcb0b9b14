import KeyValueStore
import TestServices
import Testing

@testable import RabbitMQ

extension BrokerTests {
  /// Here connections live and heartbeats come, but nothing else moves.
  @Suite("What does not move is noticed, though its connection lives")
  struct ProgressTests {
    private func configuration() async throws -> RabbitMQConfiguration {
      var configuration = RabbitMQConfiguration(try await SharedBroker.running())
      configuration.confirmDeadline = .seconds(1)
      configuration.stallPatience = .seconds(2)
      return configuration
    }

    /// Suspends the processes in the broker that work on channels of which `fact` is true.
    private func suspendChannels(where fact: String) async throws {
      let server = try await SharedBroker.running()
      let output = try await offloaded {
        try server.control(
          "eval",
          "[sys:suspend(C) || C <- rabbit_channel:list_local(),"
            + " [{\(fact)}] =:= rabbit_channel:info(C, [element(1, {\(fact)})])].")
      }
      #expect(output.contains("ok"), "no such channel: \(output)")
    }

    @Test("A confirm that does not come: the write is sent again on another connection")
    func confirms() async throws {
      let node = try await Node(configuration())
      #expect(await node.submit(QueuedWrite("k")) == nil)
      try await suspendChannels(where: "confirm, true")
      let stuck = QueuedWrite("stuck")
      #expect(await node.submit(stuck).isUnknown)
      #expect(throws: StoreError.self) { try node.publisher.checkHealth() }
      try await eventually("another connection", seconds: 10) { node.stalls(of: .publisher) == 1 }
      try await node.publisher.untilHealthy()
      #expect(node.log.lines.contains { $0.contains("writes: no confirm within 2 s for 1 mess") })
      #expect(await node.submit(QueuedWrite("k")) == nil)
      let applying = try Applying(node.configuration)
      try await eventually("delivery of the stuck one") { applying.hasApplied([stuck.id]) }
      await applying.stop()
      await node.stop()
    }

    @Test("A confirm of changes that does not come while no writes are queued")
    func changes() async throws {
      let node = try await Node(configuration())
      let watcher = try node.makeWatcher()
      let feed = RabbitMQChangeFeed(publisher: node.publisher, watcher: watcher)
      try await feed.publish([Change("a")], settling: .numbered(1))
      try await feed.flush()
      try await suspendChannels(where: "confirm, true")
      try await feed.publish([Change("b")], settling: .numbered(2))
      await #expect(throws: StoreError.self) { try await feed.flush() }
      #expect(throws: StoreError.self) { try node.publisher.checkHealth() }
      try await eventually("confirm", seconds: 10) { node.published.count == 2 }
      #expect(node.stalls(of: .publisher) == 1)
      #expect(node.log.lines.contains { $0.contains("changes: no confirm") })
      await node.stop()
    }

    @Test("A channel that answers nothing: what waits is delivered on another connection")
    func consuming() async throws {
      let node = try await Node(configuration())
      let applying = try Applying(node.configuration, log: node.log)
      let first = QueuedWrite("first")
      #expect(await node.submit(first) == nil)
      try await eventually("delivery") { applying.hasApplied([first.id]) }
      try await suspendChannels(where: "consumer_count, 1")
      try await eventually("trouble", seconds: 10) {
        (try? applying.consumer.checkHealth()) == nil
      }
      let second = QueuedWrite("second")
      #expect(await node.submit(second) == nil)
      try await eventually("delivery", seconds: 10) { applying.hasApplied([second.id]) }
      #expect(applying.stalls == 1)
      #expect(node.log.lines.contains { $0.contains("the channel has not answered") })
      try await eventually("health") { (try? applying.consumer.checkHealth()) != nil }
      await applying.stop()
      await node.stop()
    }

    @Test("A queue that has forgotten its consumer, on a channel that answers")
    func forgotten() async throws {
      let server = try await SharedBroker.running()
      let node = try await Node(configuration())
      let applying = try Applying(node.configuration, log: node.log)
      let first = QueuedWrite("first")
      #expect(await node.submit(first) == nil)
      try await eventually("delivery") { applying.hasApplied([first.id]) }
      let queue = node.configuration.writesQueue
      let output = try await offloaded {
        try server.control(
          "eval",
          """
          {ok, Q} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"/">>, queue, <<"\(queue)">>)),
          [element(1, ra:process_command(amqqueue:get_pid(Q), rabbit_fifo:make_checkout(
            {element(2, C), element(1, C)}, cancel, #{}))) || C <- rabbit_amqqueue:consumers(Q)].
          """)
      }
      #expect(output.contains("ok"), "it had no consumer: \(output)")
      let writes = (0..<20).map { QueuedWrite("key \($0)") }
      for write in writes { #expect(await node.submit(write) == nil) }
      try await eventually("delivery", seconds: 15) { applying.hasApplied(writes.map(\.id)) }
      #expect(applying.stalls == 1)
      #expect(node.log.lines.contains { $0.contains("20 messages wait, and none was delivered") })
      await applying.stop()
      await node.stop()
    }

    @Test("A stream that is followed on a channel that answers nothing")
    func watching() async throws {
      let node = try await Node(configuration())
      let watcher = try node.makeWatcher()
      let running = Running { await watcher.run() }
      let feed = RabbitMQChangeFeed(publisher: node.publisher, watcher: watcher)
      let subscription = try #require(try await feed.subscribe(after: nil))
      try await suspendChannels(where: "consumer_count, 1")
      try await feed.publish([Change("a")])
      try await eventually("another connection", seconds: 10) { node.stalls(of: .watcher) == 1 }
      #expect(try await subscription.next()?.map(\.change) == [Change("a")])
      await running.stop()
      await node.stop()
    }
  }
}
