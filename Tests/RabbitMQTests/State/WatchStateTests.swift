import KeyValueStore
import Testing

@testable import RabbitMQ

@Suite("Watchers share a connection")
final class WatchStateTests {
  private let start = ContinuousClock.now
  private var state: WatchState

  init() {
    var configuration = RabbitMQConfiguration(urls: [])
    configuration.watchLinger = .seconds(30)
    configuration.watchedBytesMax = 1
    state = WatchState(configuration: configuration)
  }

  private func message(_ offset: Int64) -> StreamMessage {
    StreamMessage(
      offset: offset, body: PendingChanges.pack([Change("k")], settling: nil)[0].body)
  }

  private func detach(at seconds: Int) -> Bool { state.detach(at: start + .seconds(seconds)) }

  @Test("It is wanted while there are watchers, and for some time after that")
  func wanted() {
    #expect(!state.isWanted(at: start))
    let watchers = [state.enter(), state.enter()]
    #expect(state.isWanted(at: start))
    state.attached(at: start).give()
    _ = state.leave(watchers[0], at: start + .seconds(10))
    #expect(!detach(at: 100))
    _ = state.leave(watchers[1], at: start + .seconds(100))
    #expect(!detach(at: 129))
    #expect(detach(at: 130))
    #expect(!state.isAttached)
    #expect(!state.isWanted(at: start + .seconds(1_000)))
  }

  @Test("A watcher that is behind gets a channel, until it has caught up")
  func replay() {
    let watcher = state.enter()
    state.attached(at: start).give()
    state.received([message(7)]).give()
    var cursor = WatchCursor(after: FeedPosition(offset: 4, index: 0))
    guard case .events(let none) = state.read(&cursor, of: watcher), none.isEmpty else {
      Issue.record("not behind")
      return
    }
    #expect(state.takeCommands() == [.open(2, at: 4)])
    state.received(message(4), tag: 1, on: 2).give()
    state.received(message(5), tag: 2, on: 2).give()
    state.received(message(5), tag: 1, on: 3).give()
    guard case .events(let events) = state.read(&cursor, of: watcher) else {
      Issue.record("no events")
      return
    }
    #expect(events.map(\.position.offset) == [5])
    #expect(state.takeCommands() == [.acknowledge(2, tag: 2)])
    state.received(message(6), tag: 3, on: 2).give()
    _ = state.read(&cursor, of: watcher)
    _ = state.read(&cursor, of: watcher)
    #expect(cursor.offset == 8)
    #expect(state.takeCommands() == [.acknowledge(2, tag: 3), .close(2)])
  }

  @Test("A lost connection ends its replays, and the next one's channels are others")
  func lost() {
    let watcher = state.enter()
    state.attached(at: start).give()
    state.received([message(7)]).give()
    var cursor = WatchCursor(after: FeedPosition(offset: 4, index: 0))
    _ = state.read(&cursor, of: watcher)
    state.lost("gone").give()
    #expect(state.takeCommands() == [])
    guard case .failed(let error) = state.read(&cursor, of: watcher) else {
      Issue.record("not failed")
      return
    }
    #expect(error.cause == "RabbitMQ: gone")
    state.attached(at: start).give()
    _ = state.read(&cursor, of: watcher)
    #expect(state.takeCommands() == [.open(3, at: 4)])
    _ = state.leave(watcher, at: start)
    #expect(state.takeCommands() == [.close(3)])
  }
}
