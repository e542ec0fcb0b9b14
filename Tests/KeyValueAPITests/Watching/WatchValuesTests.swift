import Embedded
import KeyValueStore
import Testing

@testable import KeyValueAPI

@Suite("Events with their values", .timeLimit(.minutes(2)))
struct WatchValuesTests {
  private static let away = StoreError.unavailable(cause: "the test", retryAfter: 1)

  /// Lets other tasks run until it is so.
  private func eventually(_ condition: () async throws -> Bool) async throws {
    while try await !condition() { await Task.yield() }
  }

  @Test("A value comes with the event of its revision, and with no other")
  func current() async throws {
    try await WatchFixture.with { fixture in
      let watcher = try fixture.watch("values=true")
      _ = try watcher.position()
      let first = try await fixture.put("k", Array("one".utf8))
      let second = try await fixture.put("k", Array("two".utf8))
      let other = try await fixture.put("n", Array("three".utf8))
      // Also when both are read together.
      try await fixture.feed.publish([first, second, other])
      #expect(try watcher.event().hasNoValue)
      #expect(try watcher.event().contains(#""value":"two""#))
      #expect(try watcher.event().contains(#""value":"three""#))
      // Overwritten by what the watcher has not heard of.
      let third = try await fixture.put("k", Array("four".utf8))
      _ = try await fixture.put("k", Array("five".utf8))
      try await fixture.feed.publish([third])
      #expect(try watcher.event().hasNoValue)
      try await fixture.publish(["k"])
      #expect(try watcher.event().hasNoValue)
    }
  }

  @Test("What can't be read now comes without its value")
  func unavailable() async throws {
    try await WatchFixture.with { fixture in
      let watcher = try fixture.watch("values=true")
      _ = try watcher.position()
      let change = try await fixture.put("k", Array("one".utf8))
      fixture.backing.database.fail(with: Self.away)
      try await fixture.feed.publish([change])
      #expect(try watcher.event().hasNoValue)
      fixture.backing.database.fail(with: nil)
      try await fixture.feed.publish([change])
      #expect(try watcher.event().contains(#""value":"one""#))
    }
  }

  @Test("Values of 1 MiB and of any bytes come whole, to all watchers, and are then let go")
  func large() async throws {
    try await WatchFixture.with { fixture in
      let watchers = try (0..<2).map { _ in try fixture.watch("values=true") }
      for watcher in watchers { _ = try watcher.position() }
      let text = String(repeating: "0123456789abcdef", count: 1 << 16)
      let bytes = [UInt8](repeating: 0xFF, count: 1 << 20)
      var changes: [Change] = []
      for number in 0..<8 {
        changes.append(
          try await fixture.put("\(number)", number % 2 == 0 ? Array(text.utf8) : bytes))
      }
      // All at once: more than is kept.
      try await fixture.feed.publish(changes)
      for number in 0..<8 {
        for watcher in watchers {
          // `contains` would take too long.
          let event = try watcher.event()
          if number % 2 == 0 {
            #expect(event.hasSuffix("\"value\":\"\(text)\"}"))
          } else {
            let base64 = String(repeating: "/", count: (1 << 20) / 3 * 4)
            #expect(event.hasSuffix("\"value_base64\":\"\(base64)/w==\"}"))
          }
        }
      }
      try await eventually { fixture.metric("kv_watch_bytes_held") == "0" }
    }
  }

  @Test("A value is read once for all watchers, and many values together")
  func shared() async throws {
    try await WatchFixture.with { fixture in
      let watchers = try (0..<20).map { _ in try fixture.watch("values=true") }
      for watcher in watchers { _ = try watcher.position() }
      var changes: [Change] = []
      for number in 0..<100 {
        changes.append(try await fixture.put("\(number)", Array("value \(number)".utf8)))
      }
      let before = fixture.backing.database.readCalls
      try await fixture.feed.publish(changes)
      for watcher in watchers {
        for number in 0..<100 {
          #expect(try watcher.event().contains(#""value":"value \#(number)""#))
        }
      }
      #expect(fixture.backing.database.readCalls - before == 1)
    }
  }

  @Test("A database that hangs holds up those who want values, without a gap, and nobody else")
  func slowDatabase() async throws {
    try await WatchFixture.with { fixture in
      let patient = try (0..<3).map { _ in try fixture.watch("values=true") }
      let other = try fixture.watch()
      for watcher in patient + [other] { _ = try watcher.position() }
      let change = try await fixture.put("k", Array("one".utf8))
      fixture.backing.database.holdReads()
      try await fixture.feed.publish([change])
      #expect(try other.keys(1) == ["k"])
      await fixture.backing.database.untilReadHeld()
      // More than may wait for one watcher.
      let long = String(repeating: "x", count: 1_000)
      let keys = (0..<3_000).map { "\($0)\(long)" }
      for start in stride(from: 0, to: 3_000, by: 100) {
        try await fixture.publish(Array(keys[start..<start + 100]))
        #expect(try other.keys(100) == Array(keys[start..<start + 100]))
      }
      fixture.backing.database.letReadsGo()
      for watcher in patient {
        #expect(try watcher.event().contains(#""value":"one""#))
        #expect(try watcher.keys(3_000) == keys)
      }
      #expect(fixture.metric(#"kv_watch_ended_total{reason="slow"}"#) == "0")
      try await eventually { fixture.metric("kv_watch_bytes_held") == "0" }
    }
  }

  @Test("Who waits for values behind what the loop remembers reads the feed by itself")
  func farBehind() async throws {
    try await WatchFixture.with { fixture in
      let watcher = try fixture.watch("values=true")
      let other = try fixture.watch()
      for client in [watcher, other] { _ = try client.position() }
      let change = try await fixture.put("k", Array("one".utf8))
      fixture.backing.database.holdReads()
      try await fixture.feed.publish([change])
      #expect(try other.keys(1) == ["k"])
      await fixture.backing.database.untilReadHeld()
      let long = String(repeating: "x", count: 500)
      let keys = (0..<6_000).map { "\($0)\(long)" }
      for start in stride(from: 0, to: 6_000, by: 100) {
        try await fixture.publish(Array(keys[start..<start + 100]))
        #expect(try other.keys(100) == Array(keys[start..<start + 100]))
      }
      // The feed is away when it comes to that.
      fixture.feed.failSubscribing(times: 2)
      fixture.backing.database.letReadsGo()
      #expect(try watcher.keys(6_001) == ["k"] + keys)
      try await fixture.publish(["end"])
      #expect(try watcher.keys(1) == ["end"])
    }
  }
}

extension String {
  fileprivate var hasNoValue: Bool { !contains(#""value"#) }
}
