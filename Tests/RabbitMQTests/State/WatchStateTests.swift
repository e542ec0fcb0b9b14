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
    var cursor = WatchCursor(after: message(4).tag.position(4, 0))
    guard case .events(let none) = state.read(&cursor, of: watcher), none.isEmpty else {
      Issue.record("not behind")
      return
    }
    #expect(state.takeCommands() == [.open(3, at: 4)])
    state.received(message(4), tag: 1, on: 3).give()
    state.received(message(5), tag: 2, on: 3).give()
    state.received(message(5), tag: 1, on: 4).give()
    guard case .events(let events) = state.read(&cursor, of: watcher) else {
      Issue.record("no events")
      return
    }
    // Its subscription passes over what it has had.
    #expect(events.map(\.position.offset) == [4, 5])
    #expect(state.takeCommands() == [.acknowledge(3, tag: 2)])
    state.received(message(6), tag: 3, on: 3).give()
    _ = state.read(&cursor, of: watcher)
    _ = state.read(&cursor, of: watcher)
    #expect(cursor.offset == 8)
    #expect(state.takeCommands() == [.acknowledge(3, tag: 3), .close(3)])
  }

  @Test("A watcher reads what comes before its position, as far as that is kept")
  func remembering() {
    let watcher = state.enter()
    state.attached(at: start).give()
    state.received([message(9)]).give()
    var cursor = WatchCursor(after: message(4).tag.position(4, 0), remembering: 3)
    func offsets() -> [Int64]? {
      guard case .events(let events) = state.read(&cursor, of: watcher) else { return nil }
      return events.map(\.position.offset)
    }
    #expect(offsets() == [])
    #expect(state.takeCommands() == [.open(3, at: 1)])
    // Message 1 and 2 are no longer kept.
    state.received(message(3), tag: 1, on: 3).give()
    state.received(message(4), tag: 2, on: 3).give()
    #expect(offsets() == [3, 4])
    state.received(message(8), tag: 3, on: 3).give()
    #expect(offsets() == nil)

    // What is in memory is enough.
    cursor = WatchCursor(after: message(9).tag.position(9, 0), remembering: 5)
    #expect(offsets() == [9])
  }

  @Test("A lost connection ends its replays, and the next one's channels are others")
  func lost() {
    let watcher = state.enter()
    state.attached(at: start).give()
    state.received([message(7)]).give()
    var cursor = WatchCursor(after: message(4).tag.position(4, 0))
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
    #expect(state.takeCommands() == [.open(4, at: 4)])
    _ = state.leave(watcher, at: start)
    #expect(state.takeCommands() == [.close(4)])
  }

  @Test("A replay that finds another message in its place has fallen")
  func otherMessage() {
    let watcher = state.enter()
    state.attached(at: start).give()
    state.received([message(7)]).give()
    for position in [FeedPosition(offset: 4, index: 0), message(4).tag.position(4, 1)] {
      var cursor = WatchCursor(after: position)
      _ = state.read(&cursor, of: watcher)
      guard case .open(let channel, at: 4) = state.takeCommands().last else {
        Issue.record("no replay")
        return
      }
      state.received(message(4), tag: 1, on: channel).give()
      guard case .fallen = state.read(&cursor, of: watcher) else {
        Issue.record("not fallen")
        return
      }
    }
    #expect(state.isKept(message(7).tag.position(7, 0)) == true)
    #expect(state.isKept(message(7).tag.position(7, 1)) == false)
    #expect(state.isKept(FeedPosition(offset: 7, index: 0)) == false)
    #expect(state.isKept(FeedPosition(offset: 8, index: 0)) == false)
    #expect(state.isKept(FeedPosition(offset: 6, index: 0)) == nil)
  }

  @Test("After a lost connection the last message comes again, unless the stream is another one")
  func probe() {
    let watcher = state.enter()
    #expect(!state.needsProbe && state.tailOffset == .next)
    state.attached(at: start).give()
    state.received([message(7)]).give()
    state.lost("gone").give()
    #expect(state.needsProbe && state.tailOffset == .at(7))
    state.attached(at: start).give()
    // The same one, or a later one.
    for offset: Int64 in [7, 8, 100] {
      let (isOther, answers) = state.probed(message(offset))
      answers.give()
      #expect(!isOther)
    }
    #expect(state.generation == 0)
    let (isOther, answers) = state.probed(message(3))
    answers.give()
    #expect(isOther && state.generation == 1 && state.tailOffset == .at(3))
    state.received([message(4)]).give()
    #expect(state.generation == 1)
    _ = state.leave(watcher, at: start)
  }
}
