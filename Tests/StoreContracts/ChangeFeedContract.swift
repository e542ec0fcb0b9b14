public import KeyValueStore
internal import TestSupport
import Testing

/// What the contract needs of an adapter. Each case has its own harness, with an empty feed.
public protocol ChangeFeedHarness: AnyObject {
  /// The feed under test. A subscription belongs to one task; tasks may share a feed.
  var feed: any ChangeFeed & Sendable { get }
  /// Returns when `count` watchers of the feed wait for the next change.
  func waiting(_ count: Int) async throws
  /// Makes the feed drop all changes that it has now, by more changes or by their age.
  func outgrow() async throws
  /// Restarts the feed, which may be empty afterwards.
  func restart() async throws
}

/// The contract of `ChangeFeed`.
public enum ChangeFeedContract {
  public typealias Case = ContractCase<any ChangeFeedHarness>

  /// Each case needs a harness of its own.
  public static let cases: [Case] = order + positions + waiting

  private static let order: [Case] = [
    Case("A watcher gets what is published from now on, in order") { harness in
      try await harness.publish(1...2)
      let watcher = try #require(try await harness.feed.subscribe(after: nil))
      try await harness.publish(3...5)
      try await harness.publish(6...6)
      #expect(try await watcher.take(4).map(\.change) == changes(3...6))
    },
    Case("Every kind of change arrives as it was published") { harness in
      let watcher = try #require(try await harness.feed.subscribe(after: nil))
      let expiry = Timestamp(microseconds: 9_000_000)
      guard case .found(let entry) = Lookup.sample("é/k", 7, value: [], expiresAt: expiry) else {
        throw ContractViolation("no sample")
      }
      let published = [
        Change(key: Key("é/k"), revision: Revision(7), kind: .put(entry.metadata)),
        Change(key: Key("k"), revision: Revision(8), kind: .delete),
        Change(key: Key("k"), revision: Revision(.max), kind: .expire),
      ]
      try await harness.feed.publish(published)
      #expect(try await watcher.take(3).map(\.change) == published)
    },
    Case("Positions grow, and can be read from their text") { harness in
      let watcher = try #require(try await harness.feed.subscribe(after: nil))
      var next = 1
      for number in 1...10 {
        try await harness.publish(next...next + number % 3)
        next += 1 + number % 3
      }
      let positions = try await watcher.take(20).map(\.position)
      #expect(positions == positions.sorted() && Set(positions).count == 20)
      #expect(positions.allSatisfy { FeedPosition($0.text) == $0 })
    },
    Case("Several watchers get the same events at the same positions") { harness in
      let first = try #require(try await harness.feed.subscribe(after: nil))
      let second = try #require(try await harness.feed.subscribe(after: nil))
      try await harness.publish(1...3)
      let events = try await first.take(3)
      #expect(try await second.take(3) == events)
    },
    Case("The changes of a key come in the order of its revisions") { harness in
      let watcher = try #require(try await harness.feed.subscribe(after: nil))
      var state = KeyState(key: Key("k"))
      var published: [Change] = []
      for step in 1...20 {
        let now = Timestamp(microseconds: Int64(step) * 1_000)
        let write = step % 5 == 0 ? Write.delete("k") : .put("k")
        let change = try #require(state.make(write, at: now).change(of: Key("k")))
        try await harness.feed.publish([change])
        published.append(change)
      }
      #expect(try await watcher.take(20).map(\.change) == published)
    },
    Case("Many changes in one publish arrive completely") { harness in
      let watcher = try #require(try await harness.feed.subscribe(after: nil))
      try await harness.publish(1...1_000)
      #expect(try await watcher.take(1_000).map(\.change) == changes(1...1_000))
    },
    Case("Publishing nothing makes no event") { harness in
      let watcher = try #require(try await harness.feed.subscribe(after: nil))
      try await harness.feed.publish([])
      try await harness.publish(1...1)
      #expect(try await watcher.take(1).map(\.change) == changes(1...1))
    },
  ]

  private static let positions: [Case] = [
    Case("A watcher resumes after any position that it has seen") { harness in
      let watcher = try #require(try await harness.feed.subscribe(after: nil))
      try await harness.publish(1...3)
      try await harness.publish(4...5)
      let events = try await watcher.take(5)
      for index in 0..<4 {
        let resumed = try #require(
          try await harness.feed.subscribe(after: events[index].position))
        #expect(try await resumed.take(4 - index) == Array(events[(index + 1)...]))
      }
    },
    Case("After the last position comes the next change that is published") { harness in
      let watcher = try #require(try await harness.feed.subscribe(after: nil))
      try await harness.publish(1...2)
      let last = try await watcher.take(2)[1].position
      let resumed = try #require(try await harness.feed.subscribe(after: last))
      try await harness.publish(3...3)
      #expect(try await resumed.take(1).map(\.change) == changes(3...3))
    },
    Case("A watcher that has seen nothing can resume from where it began") { harness in
      let first = try #require(try await harness.feed.subscribe(after: nil))
      let start = first.position
      #expect(FeedPosition(start.text) == start)
      let same = try #require(try await harness.feed.subscribe(after: start))
      #expect(same.position == start)
      try await harness.publish(1...3)
      let later = try #require(try await harness.feed.subscribe(after: start))
      for watcher in [first, same, later] {
        #expect(try await watcher.take(3).map(\.change) == changes(1...3))
        #expect(watcher.position > start)
      }
      let second = try #require(try await harness.feed.subscribe(after: nil))
      #expect(second.position >= first.position)
      try await harness.publish(4...4)
      let resumed = try #require(try await harness.feed.subscribe(after: second.position))
      #expect(try await resumed.take(1).map(\.change) == changes(4...4))
    },
    Case("A watcher that resumes is told when it has all that there was") { harness in
      let watcher = try #require(try await harness.feed.subscribe(after: nil))
      try await harness.publish(1...600)
      let resumed = try #require(try await harness.feed.subscribe(after: watcher.position))
      var events: [FeedEvent] = []
      while let next = try await resumed.replay(), !next.isEmpty {
        events += next
        #expect(resumed.position == next.last?.position)
      }
      #expect(events.map(\.change) == changes(1...600))
      #expect(resumed.position >= events[599].position && !resumed.isHolding)
      try await harness.publish(601...601)
      #expect(try await resumed.take(1).map(\.change) == changes(601...601))
      let again = try #require(try await harness.feed.subscribe(after: events[598].position))
      #expect(try await again.take(2).map(\.change) == changes(600...601))
    },
    Case("A position that was never handed out is refused") { harness in
      #expect(try await harness.feed.subscribe(after: FeedPosition(offset: 0, index: 0)) == nil)
      let watcher = try #require(try await harness.feed.subscribe(after: nil))
      try await harness.publish(1...2)
      let last = try await watcher.take(2)[1].position
      for position in [
        FeedPosition(offset: last.offset, index: 2),
        FeedPosition(offset: last.offset, index: -1),
        FeedPosition(offset: last.offset + 1_000, index: 0),
        FeedPosition(offset: .max, index: 0), FeedPosition(offset: .min, index: 0),
      ] {
        let refused = try await harness.feed.subscribe(after: position)
        #expect(refused == nil, "\(position.text)")
      }
    },
    Case("A position whose successors are no longer kept is refused") { harness in
      let watcher = try #require(try await harness.feed.subscribe(after: nil))
      try await harness.publish(1...2)
      let first = try await watcher.take(2)[0].position
      try await harness.outgrow()
      #expect(try await harness.feed.subscribe(after: first) == nil)
    },
    Case("A watcher that falls too far behind gets an end") { harness in
      let watcher = try #require(try await harness.feed.subscribe(after: nil))
      try await harness.publish(1...2)
      try await harness.outgrow()
      #expect(try await watcher.next() == nil)
      #expect(try await watcher.next() == nil)
    },
    Case("After a restart a position means the same as before, or nothing") { harness in
      let watcher = try #require(try await harness.feed.subscribe(after: nil))
      try await harness.publish(1...3)
      let position = try await watcher.take(3)[1].position
      try await harness.restart()
      try await harness.publish(4...6)
      if let resumed = try await harness.feed.subscribe(after: position) {
        #expect(try await resumed.take(4).map(\.change) == changes(3...6))
      }
    },
  ]

  private static let waiting: [Case] = [
    Case("A watcher waits for the next change, together with others") { harness in
      let feed = harness.feed
      try await withThrowingTaskGroup(of: [FeedEvent].self) { group in
        for _ in 0..<3 {
          group.addTask {
            let watcher = try #require(try await feed.subscribe(after: nil))
            return try await watcher.take(2)
          }
        }
        try await harness.waiting(3)
        try await harness.publish(1...1)
        try await harness.waiting(3)
        try await harness.publish(2...2)
        for try await events in group { #expect(events.map(\.change) == changes(1...2)) }
      }
    },
    Case("Cancelling ends the wait with an empty array, for this watcher only") { harness in
      let feed = harness.feed
      let cancelled = Task {
        let watcher = try #require(try await feed.subscribe(after: nil))
        return try await watcher.next()
      }
      let other = Task {
        let watcher = try #require(try await feed.subscribe(after: nil))
        return try await watcher.next()
      }
      try await harness.waiting(2)
      cancelled.cancel()
      #expect(try await cancelled.value == [])
      try await harness.publish(1...1)
      #expect(try await other.value?.map(\.change) == changes(1...1))
    },
    Case("A subscription that is ended waits no longer, now or later") { harness in
      let watcher = try #require(try await harness.feed.subscribe(after: nil))
      let other = try #require(try await harness.feed.subscribe(after: nil))
      watcher.end()
      #expect(try await watcher.next() == [])
      try await harness.publish(1...1)
      #expect(try await watcher.next() == [])
      #expect(try await other.take(1).map(\.change) == changes(1...1))
    },
    Case("A task that is cancelled already does not wait") { harness in
      let feed = harness.feed
      let (gate, opening) = AsyncStream<Void>.makeStream()
      let task = Task {
        let watcher = try #require(try await feed.subscribe(after: nil))
        // Ends when the task is cancelled.
        for await _ in gate {}
        return try await watcher.next()
      }
      task.cancel()
      let events = try await task.value
      #expect(events == [])
      opening.finish()
    },
    Case("Publishing does not wait for a watcher that never reads") { harness in
      let idle = try #require(try await harness.feed.subscribe(after: nil))
      let watcher = try #require(try await harness.feed.subscribe(after: nil))
      for number in 1...100 {
        try await harness.publish(number...number)
        #expect(try await watcher.take(1).map(\.change) == changes(number...number))
      }
      withExtendedLifetime(idle) {}
    },
  ]

  private static func changes(_ numbers: ClosedRange<Int>) -> [Change] {
    numbers.map { Change(key: Key("k\($0)"), revision: Revision(Int64($0)), kind: .delete) }
  }
}

extension ChangeFeedHarness {
  fileprivate func publish(_ numbers: ClosedRange<Int>) async throws {
    try await feed.publish(
      numbers.map { Change(key: Key("k\($0)"), revision: Revision(Int64($0)), kind: .delete) })
  }
}

extension ChangeSubscription {
  /// Exactly the next `count` events.
  fileprivate func take(_ count: Int) async throws -> [FeedEvent] {
    var events: [FeedEvent] = []
    while events.count < count {
      guard let next = try await next(), !next.isEmpty else {
        throw ContractViolation("the watcher ended after \(events.count) of \(count) events")
      }
      events += next
    }
    guard events.count == count else {
      throw ContractViolation("\(events.count) events came instead of \(count)")
    }
    return events
  }
}
