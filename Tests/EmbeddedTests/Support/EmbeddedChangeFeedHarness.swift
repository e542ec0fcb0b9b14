import Embedded
import KeyValueStore
import StoreContracts

/// An embedded feed that keeps 4,000 changes.
final class EmbeddedChangeFeedHarness: ChangeFeedHarness {
  private let clock = TestClock()
  private var embedded: EmbeddedChangeFeed

  init() { embedded = EmbeddedChangeFeed(eventsMax: 4_000, now: clock.now) }

  var feed: any ChangeFeed & Sendable { embedded }

  func waiting(_ count: Int) async {
    while embedded.waitingWatchers < count { await Task.yield() }
  }

  func outgrow() async throws {
    for number in 0..<4_001 {
      let key = Key(trusted: Array("more \(number)".utf8))
      try await embedded.publish([Change(key: key, revision: Revision(1), kind: .delete)])
    }
  }

  func restart() {
    clock.advance(seconds: 1)
    embedded = EmbeddedChangeFeed(eventsMax: 4_000, now: clock.now)
  }
}
