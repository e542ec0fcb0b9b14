import KeyValueStore
import Testing

@testable import KeyValueAPI

/// The feed holds events back until older ones have come, and hands out others meanwhile.
@Suite("Events that the feed holds back", .timeLimit(.minutes(2)))
struct HeldEventTests {
  @Test("Who resumes beside a held event misses nothing, and who replays gets nothing twice")
  func resuming() async throws {
    try await WatchFixture.with { fixture in
      let first = try fixture.watch()
      let start = try first.position()
      try await fixture.publish(["a", "late", "b", "c"])
      let events = try first.events(3)
      #expect(events.map(\.key) == ["a", "b", "c"])
      #expect(Set(events.map(\.position)) == [events[0].position])
      // From the log.
      let near = try fixture.watch("after=\(events[2].position)")
      #expect(try near.keys(2) == ["b", "c"])
      // From the feed, and then from the hub.
      let far = try fixture.watch("after=\(start)")
      #expect(try far.keys(3) == ["a", "b", "c"])
      try await fixture.publish(["go", "d"])
      for watcher in [first, near, far] {
        let rest = try watcher.events(3)
        #expect(rest.map(\.key) == ["late", "go", "d"])
        #expect(rest[0].position == rest[1].position)
        let after = try fixture.watch("after=\(rest[1].position)")
        #expect(try after.keys(1) == ["d"])
      }
    }
  }

  @Test("Who comes while an event is held back gets it, and nothing that was handed out before")
  func coming() async throws {
    try await WatchFixture.with { fixture in
      let first = try fixture.watch()
      try await fixture.publish(["a", "late", "b"])
      #expect(try first.keys(2) == ["a", "b"])
      let second = try fixture.watch()
      try await fixture.publish(["c", "go"])
      #expect(try second.keys(3) == ["c", "late", "go"])
      #expect(try first.keys(3) == ["c", "late", "go"])
    }
  }

  @Test("A held event that those who follow do not have any more comes in its time")
  func alone() async throws {
    try await WatchFixture.with { fixture in
      let start: String
      do {
        let first = try fixture.watch()
        start = try first.position()
        try await fixture.publish(["a", "late", "b"])
        #expect(try first.keys(2) == ["a", "b"])
      }
      while fixture.feed.subscriptions.alive > 0 { await Task.yield() }
      // The others begin here.
      let second = try fixture.watch()
      let far = try fixture.watch("after=\(start)")
      #expect(try far.keys(3) == ["a", "b", "late"])
      try await fixture.publish(["c"])
      #expect(try far.keys(1) == ["c"])
      #expect(try second.keys(1) == ["c"])
    }
  }

  @Test("A watcher whose event is held back leaves at once")
  func leaving() async throws {
    try await WatchFixture.with { fixture in
      let start: String
      do {
        let first = try fixture.watch()
        start = try first.position()
        try await fixture.publish(["a", "late"])
        #expect(try first.keys(1) == ["a"])
      }
      while fixture.feed.subscriptions.alive > 0 { await Task.yield() }
      do {
        let far = try fixture.watch("after=\(start)")
        #expect(try far.keys(1) == ["a"])
      }
      while fixture.feed.subscriptions.alive > 0 { await Task.yield() }
    }
  }

  @Test("When the feed is lost and followed again, what was handed out does not come again")
  func following() async throws {
    try await WatchFixture.with { fixture in
      let watcher = try fixture.watch()
      try await fixture.publish(["a", "late", "b"])
      #expect(try watcher.keys(2) == ["a", "b"])
      fixture.feed.fail(with: .unavailable(cause: "the test", retryAfter: 1))
      try await fixture.publish(["c"])
      while fixture.feed.subscriptions.alive > 0 { await Task.yield() }
      fixture.feed.fail(with: nil)
      try await fixture.publish(["go"])
      #expect(try watcher.keys(3) == ["c", "late", "go"])
    }
  }

  @Test("Positions never run backwards for who is ahead of the others")
  func ahead() throws {
    func event(_ place: Int64, _ position: Int64) -> WatchEvent {
      WatchEvent(
        FeedEvent(
          position: FeedPosition(offset: position, index: 0),
          place: FeedPosition(offset: place, index: 0),
          change: Change(key: Key(trusted: [0x6B]), revision: Revision(1), kind: .delete)))
    }
    let shared = event(9, 4)
    #expect(shared.resuming(after: FeedPosition(offset: 4, index: 0)) === shared)
    let own = shared.resuming(after: FeedPosition(offset: 7, index: 1))
    #expect(own.place == shared.place)
    #expect(String(decoding: own.text, as: UTF8.self).hasPrefix("id: 7.1\n"))
  }

  @Test("What a watcher has had is remembered until it has had all before that")
  func had() {
    func place(_ offset: Int64) -> FeedPosition { FeedPosition(offset: offset, index: 0) }
    var had = PlacesHad(end: place(3))
    func insert(_ offset: Int64, position: Int64) -> Bool {
      had.insert(place(offset), position: place(position))
    }
    #expect(had.contains(place(3)) && !had.contains(place(4)))
    for offset in 5...1_000 {
      #expect(insert(Int64(offset), position: 3))
      #expect(!insert(Int64(offset), position: 3))
    }
    #expect(!had.contains(place(4)))
    #expect(insert(4, position: 999))
    #expect(had.contains(place(1_000)) && !had.contains(place(1_001)))
    #expect(insert(1_001, position: 1_001))
    #expect(had.contains(place(500)) && !had.contains(place(1_002)))
  }
}
