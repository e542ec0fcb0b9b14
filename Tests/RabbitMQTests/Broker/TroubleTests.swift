import Embedded
import Foundation
import KeyValueStore
import TestServices
import Testing

@testable import RabbitMQ

extension BrokerTests {
  @Suite("Brokers die, hang and run full")
  struct TroubleTests {
    private func configuration() async throws -> RabbitMQConfiguration {
      var configuration = RabbitMQConfiguration(try await TroubledBroker.running())
      configuration.heartbeat = .seconds(1)
      configuration.confirmDeadline = .seconds(1)
      return configuration
    }

    @Test("A broker killed under load loses nothing, and nothing takes effect twice")
    func killed() async throws {
      let server = try await TroubledBroker.running()
      let load = Load()
      let node = try await Node(configuration())
      let applying = try Applying(node.configuration, log: node.log)
      // RabbitMQ 3.10 keeps the list of its quorum queues in files that it syncs now and then: a
      // queue that is younger than that is lost when its only node is killed.
      _ = try await offloaded {
        try server.control("eval", "[ok = dets:sync(T) || T <- dets:all()].")
      }
      let loading = Running {
        await withTaskGroup { group in
          for worker in 0..<50 { group.addTask { await load.run(worker, on: node) } }
        }
      }
      for _ in 0..<2 {
        let before = load.accepted.count
        try await eventually("writes") { load.accepted.count > before + 500 }
        try await offloaded {
          server.kill()
          try server.start()
        }
      }
      try await node.publisher.untilHealthy()
      let before = load.accepted.count
      try await eventually("writes") { load.accepted.count > before + 100 }
      await loading.stop()
      let all = load.accepted + load.unknown
      try await eventually("delivery of all", seconds: 60) { applying.hasApplied(all.map(\.id)) }
      for start in stride(from: 0, to: all.count, by: 500) {
        let some = all[start..<min(start + 500, all.count)]
        let found = try await applying.database.read(some.map(\.write.key))
        for (write, lookup) in zip(some, found) {
          #expect(lookup.entry?.metadata.version == 1)
          #expect(lookup.entry?.metadata.revision.number == write.acceptedAt.microseconds)
        }
      }
      await applying.stop()
      await node.stop()
    }

    @Test("A broker that hangs delays no caller for longer than the deadline")
    func paused() async throws {
      let server = try await TroubledBroker.running()
      let node = try await Node(configuration())
      #expect(await node.submit(QueuedWrite("k")) == nil)
      server.pause()
      let start = ContinuousClock.now
      let first = QueuedWrite("first")
      #expect(await node.submit(first).isUnknown)
      for _ in 0..<20 { #expect(await node.submit(QueuedWrite("next")).isUnavailable) }
      // Only the first has waited for its deadline. All of them would take 21 s.
      #expect(ContinuousClock.now - start < .seconds(10))
      await #expect(throws: StoreError.self) { try await node.queue.checkHealth() }
      try await eventually("loss of the connection", seconds: 10) {
        node.log.lines.contains { $0.contains("lost the connection") }
      }
      server.resume()
      try await node.publisher.untilHealthy()
      let applying = try Applying(node.configuration)
      try await eventually("delivery of the unknown one") { applying.hasApplied([first.id]) }
      await applying.stop()
      await node.stop()
    }

    @Test("Megabytes for a broker that hangs delay neither their callers nor the end")
    func pausedUnderLoad() async throws {
      let server = try await TroubledBroker.running()
      var configuration = try await configuration()
      configuration.heartbeat = .seconds(30)
      configuration.flushDeadline = .seconds(1)
      let node = try await Node(configuration)
      server.pause()
      let start = ContinuousClock.now
      let value = String(repeating: "x", count: 1 << 20)
      let results = await withTaskGroup(of: StoreError?.self) { group in
        for _ in 0..<30 { group.addTask { await node.submit(QueuedWrite("k", value: value)) } }
        return await group.reduce(into: [StoreError?]()) { $0.append($1) }
      }
      #expect(results.allSatisfy { $0.isUnknown || $0.isUnavailable })
      #expect(ContinuousClock.now - start < .seconds(10))
      await node.stop()
      #expect(ContinuousClock.now - start < .seconds(20))
      server.resume()
    }

    @Test("A broker without memory takes nothing, which callers learn at once, and goes on later")
    func memoryAlarm() async throws {
      let server = try await TroubledBroker.running()
      let node = try await Node(configuration())
      _ = try await offloaded { try server.control("set_vm_memory_high_watermark", "0.0001") }
      // A connection learns it when it publishes next.
      try await eventually("alarm") {
        _ = await node.submit(QueuedWrite("k"))
        return node.log.lines.contains { $0.contains("takes no messages") }
      }
      let start = ContinuousClock.now
      for _ in 0..<20 {
        let error = await node.submit(QueuedWrite("k"))
        guard case .unavailable(_, let retryAfter) = error else {
          throw ServiceFailure("not unavailable")
        }
        #expect(retryAfter == 5)
      }
      // They are told at once: with a deadline each, it would be 20 s.
      #expect(ContinuousClock.now - start < .seconds(10))
      let feed = RabbitMQChangeFeed(
        publisher: node.publisher,
        watcher: try node.makeWatcher())
      await #expect(throws: StoreError.self) { try await feed.publish([Change("k")]) }
      _ = try await offloaded {
        try server.control("set_vm_memory_high_watermark", "absolute", "2GB")
      }
      try await node.publisher.untilHealthy()
      #expect(await node.submit(QueuedWrite("k")) == nil)
      await node.stop()
    }

    @Test("A dead broker in the list is passed over")
    func oneDead() async throws {
      let dead = try Ports.free()
      var configuration = try await configuration()
      // Makes the queues.
      try await Node(configuration).stop()
      configuration.urls.append("amqp://guest:guest@127.0.0.1:\(dead)")
      for _ in 0..<4 {
        let node = try await Node(configuration)
        #expect(await node.submit(QueuedWrite("k")) == nil)
        await node.stop()
      }
    }

    @Test("A wrong password is reported in the log, without the password, and nothing is available")
    func wrongPassword() async throws {
      let server = try await TroubledBroker.running()
      let configuration = RabbitMQConfiguration(server, password: "s3cret")
      let node = try await Node(configuration, isReachable: false)
      try await eventually("refusal") {
        node.log.lines.contains { $0.contains("ACCESS_REFUSED") }
      }
      #expect(await node.submit(QueuedWrite("k")).isUnavailable)
      #expect(node.log.lines.allSatisfy { !$0.contains("s3cret") })
      await node.stop()
    }

    @Test("Watchers go on after their broker was restarted, without missing or repeating anything")
    func watching() async throws {
      let server = try await TroubledBroker.running()
      let node = try await Node(configuration())
      let watcher = try node.makeWatcher()
      let running = Running { await watcher.run() }
      let feed = RabbitMQChangeFeed(publisher: node.publisher, watcher: watcher)
      let subscription = try #require(try await feed.subscribe(after: nil))
      try await feed.publish([Change("a")])
      try await feed.flush()
      let first = try await subscription.next()
      #expect(first?.map(\.change) == [Change("a")])
      try await offloaded {
        server.kill()
        try server.start()
      }
      try await node.publisher.untilHealthy()
      // A stream may open later than the broker does.
      try await eventually("a stream that takes changes") {
        (try? await feed.publish([Change("b")])) != nil
      }
      #expect(try await subscription.next()?.map(\.change) == [Change("b")])
      let position = try #require(first?.first?.position)
      let resumed = try #require(try await feed.subscribe(after: position))
      #expect(try await resumed.next()?.map(\.change) == [Change("b")])
      await running.stop()
      await #expect(throws: StoreError.self) { try await subscription.next() }
      await node.stop()
    }
  }
}
