import KeyValueStore
import Synchronization
import TestServices
import TestSupport
import Testing

@testable import RabbitMQ

extension BrokerTests {
  @Suite("Changes go through the stream")
  struct FeedTests {
    private func feed(_ node: Node) throws -> (RabbitMQChangeFeed, RabbitMQWatcher, Running) {
      let watcher = try node.makeWatcher()
      return (
        RabbitMQChangeFeed(publisher: node.publisher, watcher: watcher), watcher,
        Running { await watcher.run() }
      )
    }

    @Test("What is settled may be forgotten once the stream has it, and nothing else")
    func settled() async throws {
      let node = try await Node(RabbitMQConfiguration(SharedBroker.running()))
      let (feed, _, running) = try feed(node)
      try await feed.publish([Change("a"), Change("b")], settling: .numbered(1))
      try await feed.publish([Change("c")], settling: nil)
      try await feed.publish([Change("d")], settling: .numbered(2))
      // More than one message holds.
      let many = (0..<3_000).map { Change("a-rather-long-key-so-that-it-takes-several-\($0)") }
      try await feed.publish(many, settling: .numbered(3))
      try await feed.flush()
      #expect(node.published.take(limit: 10) == [.numbered(1), .numbered(2), .numbered(3)])
      #expect(node.publisher.outstanding.changeBytes == 0)
      try await feed.flush()
      await running.stop()
      await node.stop()
    }

    @Test("Without a broker nothing is taken on")
    func away() async throws {
      let configuration = RabbitMQConfiguration(
        urls: ["amqp://127.0.0.1:\(try Ports.free())"])
      let node = try await Node(configuration, isReachable: false)
      let (feed, _, running) = try feed(node)
      await #expect(throws: StoreError.self) { try await feed.publish([Change("a")]) }
      await #expect(throws: StoreError.self) { _ = try await feed.subscribe(after: nil) }
      #expect(node.published.count == 0)
      await running.stop()
      await node.stop()
    }

    @Test("Writes are taken while the stream is not to be had, and changes as soon as it is")
    func streamAway() async throws {
      let first = try await Node(RabbitMQConfiguration(SharedBroker.running()))
      var configuration = first.configuration
      configuration.changeBytesKept = 1 << 20
      // To this one the stream is another one of the same name.
      let node = try await Node(configuration)
      #expect(await node.submit(QueuedWrite("k")) == nil)
      let (feed, _, running) = try feed(node)
      await #expect(throws: StoreError.self) { try await feed.publish([Change("a")]) }
      #expect(node.log.lines.contains { $0.contains("x-max-length-bytes") })
      try await configuration.withConnection { [configuration] in
        try $0.delete(configuration.changesStream, on: 1)
      }
      await first.stop()
      try await eventually("the stream") { (try? await feed.publish([Change("a")])) != nil }
      try await feed.flush()
      await running.stop()
      await node.stop()
    }

    @Test("A watcher far behind replays the stream and catches up with those who are not")
    func catchingUp() async throws {
      var configuration = RabbitMQConfiguration(try await SharedBroker.running())
      configuration.watchedBytesMax = 5_000
      let node = try await Node(configuration)
      let (feed, _, running) = try feed(node)
      let slow = try #require(try await feed.subscribe(after: nil))
      for number in 0..<300 {
        try await feed.publish([Change("key \(number)", revision: Int64(number))])
        try await feed.flush()
      }
      var numbers: [Int64] = []
      while numbers.count < 200 {
        numbers += try #require(try await slow.next()).map(\.change.revision.number)
      }
      let newer = (300..<310).map { Change("key \($0)", revision: Int64($0)) }
      try await feed.publish(newer)
      while numbers.count < 310 {
        numbers += try #require(try await slow.next()).map(\.change.revision.number)
      }
      #expect(numbers == Array(0..<310))
      await running.stop()
      await node.stop()
    }

    @Test("Who followed a stream that was made anew is told so, and new watchers begin at once")
    func madeAnew() async throws {
      let node = try await Node(RabbitMQConfiguration(SharedBroker.running()))
      let (feed, _, running) = try feed(node)
      let old = try #require(try await feed.subscribe(after: nil))
      for number in 0..<20 {
        try await feed.publish([Change("old \(number)")])
        try await feed.flush()
      }
      var positions: [FeedPosition] = [old.position]
      while positions.count < 21 {
        positions += try #require(try await old.next()).map(\.position)
      }
      let configuration = node.configuration
      try await configuration.withConnection { [configuration] in
        try $0.delete(configuration.changesStream, on: 1)
      }
      // Nothing has to be published for that.
      #expect(try await old.next() == nil)
      // What is published while there is no stream stays in the outbox.
      try await eventually("the stream") {
        if (try? await feed.publish([Change("new")])) == nil { return false }
        return (try? await feed.flush()) != nil
      }
      let new = try #require(try await feed.subscribe(after: nil))
      // The new stream grows beyond the positions of the old one.
      for number in 0..<40 {
        try await feed.publish([Change("new \(number)")])
        try await feed.flush()
      }
      var offset: Int64 = 0
      while offset <= positions[20].offset {
        offset = try #require(try await new.next()?.last).position.offset
      }
      for position in positions {
        #expect(try await feed.subscribe(after: position) == nil, "\(position.text)")
      }
      let resumed = try #require(try await feed.subscribe(after: new.position))
      try await feed.publish([Change("last")])
      var keys: [String] = []
      while keys.last != "last" {
        keys += try #require(try await resumed.next()).map {
          String(decoding: $0.change.key.bytes, as: UTF8.self)
        }
      }
      await running.stop()
      await node.stop()
    }

    @Test(
      "A key's changes come in order, whoever publishes first; who resumes meanwhile misses none")
    func order() async throws {
      let node = try await Node(RabbitMQConfiguration(SharedBroker.running()))
      let (feed, _, running) = try feed(node)
      let watcher = try #require(try await feed.subscribe(after: nil))
      var state = KeyState(key: Key("k"))
      let changes = (1...4).compactMap { number in
        state.make(.put("k"), at: Timestamp(microseconds: number)).change(of: Key("k"))
      }
      try await feed.publish([changes[0]])
      var events = try #require(try await watcher.next())
      #expect(events.map(\.change) == [changes[0]])
      try await feed.publish([changes[2]])
      try await feed.publish([Change("other")])
      events = try #require(try await watcher.next())
      #expect(events.map(\.change.key) == [Key("other")])
      let resumed = try #require(try await feed.subscribe(after: events[0].position))
      try await feed.publish([changes[3], changes[1]])
      events = try #require(try await watcher.next())
      #expect(events.map(\.change) == Array(changes[1...]))
      var again: [Change] = []
      while again.count < 4 { again += try #require(try await resumed.next()).map(\.change) }
      #expect(again.filter { $0.key == Key("k") } == Array(changes[1...]))
      #expect(resumed.position == events[2].position)
      await running.stop()
      await node.stop()
    }

    @Test("What is missing for too long is not waited for, even if nothing else comes")
    func lateness() async throws {
      var configuration = RabbitMQConfiguration(try await SharedBroker.running())
      configuration.changeLatenessMax = .milliseconds(100)
      let node = try await Node(configuration)
      let (feed, _, running) = try feed(node)
      let watcher = try #require(try await feed.subscribe(after: nil))
      var state = KeyState(key: Key("k"))
      let changes = (1...3).compactMap { number in
        state.make(.put("k"), at: Timestamp(microseconds: number)).change(of: Key("k"))
      }
      for place in [0, 2, 1] {
        try await feed.publish([changes[place]])
        #expect(try await watcher.next()?.map(\.change) == [changes[place]])
      }
      await running.stop()
      await node.stop()
    }

    @Test("A replay leaves what is held back to those who follow, and waits no longer")
    func heldReplay() async throws {
      let node = try await Node(RabbitMQConfiguration(SharedBroker.running()))
      let (feed, _, running) = try feed(node)
      let start = try #require(try await feed.subscribe(after: nil))
      var state = KeyState(key: Key("k"))
      let changes = (1...3).compactMap { number in
        state.make(.put("k"), at: Timestamp(microseconds: number)).change(of: Key("k"))
      }
      try await feed.publish([changes[0]])
      try await feed.publish([changes[2]])
      try await feed.flush()
      let resumed = try #require(try await feed.subscribe(after: start.position))
      let events = try #require(try await resumed.replay())
      #expect(events.map(\.change) == [changes[0]])
      #expect(try await resumed.replay() == [])
      #expect(resumed.position == events[0].position)
      try await feed.publish([changes[1]])
      #expect(try await resumed.next()?.map(\.change) == Array(changes[1...]))
      await running.stop()
      await node.stop()
    }

    @Test("Who replays again gets what is held back in its time, and what comes meanwhile")
    func heldReplayAlone() async throws {
      var configuration = RabbitMQConfiguration(try await SharedBroker.running())
      configuration.changeLatenessMax = .milliseconds(300)
      let node = try await Node(configuration)
      let (feed, _, running) = try feed(node)
      let start = try #require(try await feed.subscribe(after: nil))
      var state = KeyState(key: Key("k"))
      let changes = (1...3).compactMap { number in
        state.make(.put("k"), at: Timestamp(microseconds: number)).change(of: Key("k"))
      }
      // The second one never comes.
      try await feed.publish([changes[0]])
      try await feed.publish([changes[2]])
      try await feed.flush()
      let resumed = try #require(try await feed.subscribe(after: start.position))
      #expect(try await resumed.replay()?.map(\.change) == [changes[0]])
      #expect(try await resumed.replay() == [])
      #expect(resumed.isHolding)
      var other = KeyState(key: Key("l"))
      let now = Timestamp(microseconds: 4)
      try await feed.publish([try #require(other.make(.put("l"), at: now).change(of: Key("l")))])
      var late: [FeedEvent] = []
      while late.count < 2 {
        late += try #require(try await resumed.replay())
        await Task.yield()
      }
      #expect(Set(late.map(\.change.key)) == [Key("k"), Key("l")])
      #expect(!resumed.isHolding && resumed.position >= late[1].place)
      await running.stop()
      await node.stop()
    }

    @Test("Without watchers there is no connection for them, and nothing is amiss")
    func unwatched() async throws {
      let node = try await Node(RabbitMQConfiguration(SharedBroker.running()))
      let (feed, watcher, running) = try feed(node)
      func isConnected() -> Bool {
        node.log.lines.contains { $0.contains("connection=kv watcher") }
      }
      for _ in 0..<20 {
        try await feed.publish([Change("a")])
        try await feed.flush()
      }
      #expect(!isConnected() && !watcher.isWanted)
      try await node.queue.checkHealth()
      let subscription = try #require(try await feed.subscribe(after: nil))
      #expect(isConnected() && watcher.isWanted)
      withExtendedLifetime(subscription) {}
      await running.stop()
      await node.stop()
    }

    @Test("A process that follows no changes publishes them all the same")
    func publishing() async throws {
      let node = try await Node(RabbitMQConfiguration(SharedBroker.running()))
      let feed = RabbitMQChangeFeed(publisher: node.publisher, watcher: nil)
      try await feed.publish([Change("a")], settling: .numbered(1))
      try await feed.flush()
      #expect(node.published.count == 1)
      await #expect(throws: StoreError.self) { _ = try await feed.subscribe(after: nil) }
      await node.stop()
    }

    @Test("After the end a subscription fails at once")
    func ended() async throws {
      let node = try await Node(RabbitMQConfiguration(SharedBroker.running()))
      let (feed, _, running) = try feed(node)
      await running.stop()
      await #expect(throws: StoreError.self) { _ = try await feed.subscribe(after: nil) }
      await node.stop()
    }

    @Test("The connection for watchers ends some time after the last of them")
    func lingering() async throws {
      var configuration = RabbitMQConfiguration(try await SharedBroker.running())
      configuration.watchLinger = .zero
      configuration.heartbeat = .seconds(1)
      let node = try await Node(configuration)
      let (feed, watcher, running) = try feed(node)
      for number in 1...3 {
        let subscription = try #require(try await feed.subscribe(after: nil))
        try await feed.publish([Change("k", revision: Int64(number))])
        #expect(try await subscription.next()?.map(\.change.revision.number) == [Int64(number)])
        withExtendedLifetime(subscription) {}
      }
      try await eventually("end of the connection") {
        watcher.state.withLock { !$0.isAttached }
      }
      await running.stop()
      await node.stop()
    }
  }
}
