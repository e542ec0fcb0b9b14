import KeyValueStore
import Testing

@testable import KeyValueAPI

@Suite("The hub of a loop's watchers", .timeLimit(.minutes(2)))
struct WatchHubTests {
  private static let away = StoreError.unavailable(cause: "the test", retryAfter: 1)

  /// Lets other tasks run until it is so.
  private func eventually(_ condition: () async throws -> Bool) async throws {
    while try await !condition() { await Task.yield() }
  }

  @Test("All watchers share one subscription, which ends with the last of them")
  func sharing() async throws {
    try await WatchFixture.with { fixture in
      #expect(fixture.feed.subscriptions == (0, 0))
      for round in 1...2 {
        var watchers = try (0..<10).map { try fixture.watch("prefix=\($0)") }
        try await fixture.publish((0..<10).map { "\($0)" })
        for (number, watcher) in watchers.enumerated() {
          #expect(try watcher.keys(1) == ["\(number)"])
        }
        #expect(fixture.feed.subscriptions == (round, 1))
        #expect(fixture.metric("kv_watchers") == "10")
        watchers = []
        try await eventually { fixture.feed.subscriptions.alive == 0 }
        #expect(fixture.metric("kv_watchers") == "0")
      }
      #expect(fixture.metric("kv_watch_events_total") == "20")
      #expect(fixture.metric(#"kv_watch_ended_total{reason="client"}"#) == "20")
      #expect(fixture.metric("kv_watch_bytes_held") == "0")
    }
  }

  @Test("Who resumes where the log reaches needs no subscription; who comes from afar replays")
  func resuming() async throws {
    try await WatchFixture.with { fixture in
      let first = try fixture.watch()
      let start = try first.position()
      try await fixture.publish((0..<5_000).map { "\($0)" })
      let keys = try first.keys(5_000)
      #expect(keys == (0..<5_000).map { "\($0)" })
      // The log has forgotten that position.
      let far = try fixture.watch("after=\(start)&prefix=49")
      #expect(try far.keys(3) == ["49", "490", "491"])
      #expect(try far.keys(108).last == "4999")
      #expect(fixture.feed.subscriptions.made == 2)
      let second = try fixture.watch()
      let near = try second.position()
      try await fixture.publish(["more"])
      let resumed = try fixture.watch("after=\(near)")
      #expect(try resumed.keys(1) == ["more"])
      #expect(fixture.feed.subscriptions.made == 2)
      // The replay has ended: its watcher has joined the others.
      try await eventually { fixture.feed.subscriptions.alive == 1 }
      try await fixture.publish(["495", "x", "496"])
      #expect(try far.keys(2) == ["495", "496"])
    }
  }

  @Test("Who replays while changes go on gets each of them once, in order")
  func replayUnderLoad() async throws {
    try await WatchFixture.with { fixture in
      let first = try fixture.watch()
      let start = try first.position()
      let feed = fixture.feed
      let publishing = Task {
        for number in 0..<6_000 {
          try await feed.publish(
            [
              Change(
                key: Key(trusted: Array("\(number)".utf8)), revision: Revision(1), kind: .delete)
            ])
          if number % 16 == 0 { await Task.yield() }
        }
      }
      let expected = (0..<6_000).map { "\($0)" }
      let watchers = try (0..<5).map { _ in try fixture.watch("after=\(start)") }
      for watcher in watchers { #expect(try watcher.keys(6_000) == expected) }
      #expect(try first.keys(6_000) == expected)
      try await publishing.value
    }
  }

  @Test("While the feed is away, who comes is answered 503, and who was there misses nothing")
  func away() async throws {
    try await WatchFixture.with { fixture in
      let feed = fixture.feed
      feed.fail(with: Self.away)
      #expect(try fixture.watch().status == 503)
      feed.fail(with: nil)
      let watcher = try fixture.watch()
      let start = try watcher.position()
      try await fixture.publish(["a"])
      #expect(try watcher.keys(1) == ["a"])
      feed.fail(with: Self.away)
      // The subscription fails with these, and so does every attempt at another one.
      try await fixture.publish(["b", "c"])
      try await eventually { feed.subscriptions.alive == 0 }
      #expect(try fixture.watch().status == 503)
      #expect(try fixture.watch("after=\(start)").status == 503)
      feed.fail(with: nil)
      #expect(try watcher.keys(2) == ["b", "c"])
      let other = try fixture.watch("after=\(start)")
      #expect(try other.keys(3) == ["a", "b", "c"])
      // What carries the feed may be away before the subscription knows.
      fixture.backing.queue.follow(.fails(Self.away))
      #expect(try fixture.watch().status == 503)
      #expect(fixture.metric("kv_watchers") == "2")
    }
  }

  @Test("A replay goes on when the feed is back")
  func replayAway() async throws {
    try await WatchFixture.with { fixture in
      let first = try fixture.watch()
      let start = try first.position()
      try await fixture.publish((0..<6_000).map { "\($0)" })
      #expect(try first.keys(6_000).count == 6_000)
      // It does not read on before its client does: the replay is not over yet.
      let watcher = try fixture.watch("after=\(start)")
      fixture.feed.fail(with: Self.away)
      fixture.feed.fail(with: nil)
      #expect(try watcher.keys(6_000) == (0..<6_000).map { "\($0)" })
    }
  }

  @Test("Who falls out of what is kept is ended, and told so when it comes again")
  func fallen() async throws {
    try await WatchFixture.with(feed: FaultyFeed(eventsMax: 100)) { fixture in
      let watcher = try fixture.watch()
      let start = try watcher.position()
      try await fixture.publish(["a"])
      #expect(try watcher.keys(1) == ["a"])
      fixture.feed.fail(with: Self.away)
      try await fixture.publish((0..<200).map { "\($0)" })
      try await eventually { fixture.feed.subscriptions.alive == 0 }
      fixture.feed.fail(with: nil)
      #expect(try watcher.rest() == [])
      #expect(fixture.metric(#"kv_watch_ended_total{reason="fallen"}"#) == "1")
      #expect(try fixture.watch("after=\(start)").status == 410)
      // Others begin anew.
      let other = try fixture.watch()
      try await fixture.publish(["b"])
      #expect(try other.keys(1) == ["b"])
    }
  }

  @Test("A comment comes after each silence")
  func comments() async throws {
    #expect(APILimits().watchCommentInterval == .seconds(15))
    var limits = APILimits()
    limits.watchCommentInterval = .milliseconds(1)
    try await WatchFixture.with(limits: limits) { fixture in
      let watcher = try fixture.watch("prefix=a")
      let start = try watcher.position()
      for _ in 0..<3 { #expect(try watcher.position() == start) }
      // The position goes on with what others watch.
      let other = try fixture.watch()
      try await fixture.publish(["b"])
      #expect(try other.keys(1) == ["b"])
      while try watcher.position() == start {}
    }
  }

  @Test("A replay that has nothing for its client has comments, and ends when the client leaves")
  func endlessReplay() async throws {
    var limits = APILimits()
    limits.watchCommentInterval = .milliseconds(1)
    try await WatchFixture.with(limits: limits) { fixture in
      let first = try fixture.watch()
      let start = try first.position()
      try await fixture.publish((0..<5_000).map { "\($0)" })
      #expect(try first.keys(5_000).count == 5_000)
      fixture.feed.replayEndlessly()
      do {
        let far = try fixture.watch("after=\(start)&prefix=none")
        for _ in 0..<3 { #expect(try far.position() == start) }
        #expect(fixture.metric("kv_watchers") == "2")
        withExtendedLifetime(far) {}
      }
      try await eventually { fixture.metric("kv_watchers") == "1" }
      withExtendedLifetime(first) {}
    }
  }

  @Test("HEAD says what GET would, and takes no place")
  func head() async throws {
    var limits = APILimits()
    limits.watchersMax = 2
    try await WatchFixture.with(limits: limits) { fixture in
      let watcher = try fixture.watch()
      let start = try watcher.position()
      for query in ["", "after=\(start)", "values=true"] {
        #expect(try fixture.watch(query, method: "HEAD").status == 200)
      }
      #expect(try fixture.watch("after=1.0", method: "HEAD").status == 410)
      #expect(try fixture.watch("after=x", method: "HEAD").status == 400)
      fixture.backing.queue.follow(.fails(Self.away))
      #expect(try fixture.watch(method: "HEAD").status == 503)
      fixture.backing.queue.follow(.applies)
      fixture.feed.failSubscribing(times: 1)
      #expect(try fixture.watch("after=\(start)", method: "HEAD").status == 503)
      #expect(fixture.metric("kv_watchers") == "1")
      let other = try fixture.watch()
      #expect(try fixture.watch(method: "HEAD").status == 503)
      withExtendedLifetime(other) {}
    }
  }

  @Test("No place is left behind by whom there was no place for")
  func places() async throws {
    var limits = APILimits()
    limits.watchersMax = 1
    try await WatchFixture.with(limits: limits) { fixture in
      do {
        let watcher = try fixture.watch()
        #expect(watcher.status == 200)
        #expect(try fixture.watch().status == 503)
        #expect(try fixture.watch("after=1.0").status == 503)
        withExtendedLifetime(watcher) {}
      }
      try await eventually { try fixture.watch("after=1.0").status == 410 }
      try await eventually { try fixture.watch().status == 200 }
    }
  }
}
