import KeyValueStore
import TestServices
import Testing

@testable import RabbitMQ

extension BrokerTests {
  /// `Tests/Python/cluster` has brokers that join one after the other. Here one broker has two
  /// addresses.
  @Suite("A queue is made when all brokers are there to hold it")
  struct FoundingTests {
    private func hasQueue(_ node: Node) async throws -> Bool {
      do {
        _ = try await node.ready(in: node.configuration.writesQueue)
        return true
      } catch let error as BrokerFailure where error.cause.contains("NOT_FOUND") {
        return false
      }
    }

    private func url(_ port: UInt16, host: String = "127.0.0.1") -> String {
      "amqp://guest:guest@\(host):\(port)"
    }

    @Test("A queue is made at once when all brokers are in one cluster")
    func complete() async throws {
      let server = try await SharedBroker.running()
      var configuration = RabbitMQConfiguration(server)
      configuration.urls.append(url(server.port, host: "localhost"))
      let node = try await Node(configuration)
      #expect(await node.submit(QueuedWrite("k")) == nil)
      #expect(node.log.lines.allSatisfy { !$0.hasPrefix("warning") })
      await node.stop()
    }

    @Test("A broker that others have not joined makes no queue")
    func minority() async throws {
      let first = try await SharedBroker.running()
      var configuration = RabbitMQConfiguration(first, try await TroubledBroker.running())
      configuration.foundingPatience = .zero
      let node = try await Node(configuration, isReachable: false)
      let applying = try Applying(configuration, log: node.log)
      let watcher = try node.makeWatcher()
      let running = Running { await watcher.run() }
      let feed = RabbitMQChangeFeed(publisher: node.publisher, watcher: watcher)
      await #expect(throws: StoreError.self) { _ = try await feed.subscribe(after: nil) }
      for connection in ["publisher", "consumer", "watcher"] {
        try await eventually("complaint of the \(connection)") {
          node.log.lines.contains {
            $0.contains("connection=kv \(connection)") && $0.contains("1 of 2 brokers in one cl")
          }
        }
      }
      #expect(await node.submit(QueuedWrite("k")).isUnavailable)
      #expect(try await !hasQueue(node))
      await running.stop()
      await applying.stop()
      await node.stop()
    }

    @Test("A majority makes the queue, with a warning, when the others stay away")
    func majority() async throws {
      let server = try await SharedBroker.running()
      var configuration = RabbitMQConfiguration(server)
      configuration.foundingPatience = .milliseconds(300)
      configuration.urls += [url(server.port, host: "localhost"), url(try Ports.free())]
      let node = try await Node(configuration)
      #expect(node.log.lines.contains { $0.contains("few replicas") && $0.contains("2 of 3") })
      #expect(node.log.lines.contains { $0.contains("which waits for all brokers: 2 of 3") })
      #expect(await node.submit(QueuedWrite("k")) == nil)
      await node.stop()
    }
  }
}
