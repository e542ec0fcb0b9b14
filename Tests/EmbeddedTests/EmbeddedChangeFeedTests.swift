import Embedded
import KeyValueStore
import Testing

@Suite("The embedded feed stays within its bounds")
struct EmbeddedChangeFeedTests {
  private func change(_ number: Int, keyBytes: Int = 8) -> Change {
    let key = Key(trusted: [UInt8](repeating: 0x6B, count: keyBytes))
    return Change(key: key, revision: Revision(Int64(number)), kind: .delete)
  }

  @Test("It keeps as many changes as its bound permits, and no more")
  func events() async throws {
    let feed = EmbeddedChangeFeed(eventsMax: 10)
    let watcher = try #require(try await feed.subscribe(after: nil))
    for number in 1...10 { try await feed.publish([change(number)]) }
    let events = try #require(try await watcher.next())
    #expect(events.map(\.change.revision.number) == Array(1...10))
    try await feed.publish([change(11)])
    // The first is gone, but a watcher can resume after it, because the second is there.
    let resumed = try #require(try await feed.subscribe(after: events[0].position))
    #expect(try await resumed.next()?.count == 10)
    try await feed.publish([change(12)])
    #expect(try await feed.subscribe(after: events[0].position) == nil)
    #expect(try await feed.subscribe(after: events[1].position) != nil)
  }

  @Test("It keeps as many bytes as its bound permits")
  func bytes() async throws {
    let feed = EmbeddedChangeFeed(bytesMax: 20_000)
    let watcher = try #require(try await feed.subscribe(after: nil))
    for number in 1...18 { try await feed.publish([change(number, keyBytes: 1_000)]) }
    #expect(try await watcher.next() == nil)
    let late = try #require(try await feed.subscribe(after: nil))
    try await feed.publish([change(19)])
    #expect(try await late.next()?.count == 1)
  }

  @Test("Changes beyond the bound are gone, also for watchers that wait")
  func tooMany() async throws {
    let feed = EmbeddedChangeFeed(eventsMax: 10)
    let watcher = try #require(try await feed.subscribe(after: nil))
    try await feed.publish((1...11).map { change($0) })
    #expect(try await watcher.next() == nil)
    let next = try #require(try await feed.subscribe(after: nil))
    try await feed.publish([change(12)])
    #expect(try await next.next()?.map(\.change.revision.number) == [12])
  }

  @Test("A backlog is returned in portions, in order")
  func backlog() async throws {
    let feed = EmbeddedChangeFeed()
    let watcher = try #require(try await feed.subscribe(after: nil))
    for number in 0..<100 { try await feed.publish((0..<10).map { change(number * 10 + $0) }) }
    var numbers: [Int64] = []
    while numbers.count < 1_000 {
      let events = try #require(try await watcher.next())
      #expect(events.count <= 256)
      numbers += events.map(\.change.revision.number)
    }
    #expect(numbers == (0..<1_000).map { Int64($0) })
  }

  @Test("A position from before a restart is refused, also when the clock was set back meanwhile")
  func offsets() async throws {
    let feed = EmbeddedChangeFeed()
    let watcher = try #require(try await feed.subscribe(after: nil))
    try await feed.publish([change(1)])
    let position = try #require(try await watcher.next()?.first?.position)
    for _ in 0..<100 {
      let restarted = EmbeddedChangeFeed()
      for number in 2...20 { try await restarted.publish([change(number)]) }
      #expect(try await restarted.subscribe(after: position) == nil)
    }
  }

  @Test("The place before the first change is a position as long as that change is kept")
  func beginning() async throws {
    let feed = EmbeddedChangeFeed(eventsMax: 2, firstOffset: 5)
    let watcher = try #require(try await feed.subscribe(after: nil))
    #expect(watcher.position == FeedPosition(offset: 4, index: 0))
    try await feed.publish([change(1), change(2)])
    let resumed = try #require(try await feed.subscribe(after: watcher.position))
    #expect(try await resumed.next()?.map(\.change.revision.number) == [1, 2])
    try await feed.publish([change(3)])
    #expect(try await feed.subscribe(after: watcher.position) == nil)
  }

  @Test("A watcher that is released or cancelled leaves nothing behind")
  func lettingGo() async throws {
    let feed = EmbeddedChangeFeed()
    for _ in 0..<10 {
      let task = Task {
        let watcher = try #require(try await feed.subscribe(after: nil))
        return try await watcher.next()
      }
      while feed.waitingWatchers == 0 { await Task.yield() }
      task.cancel()
      #expect(try await task.value == [])
    }
    #expect(feed.waitingWatchers == 0)
  }
}
