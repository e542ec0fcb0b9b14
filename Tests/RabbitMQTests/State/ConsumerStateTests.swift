import KeyValueStore
import Testing

@testable import RabbitMQ

@Suite("How many deliveries there is room for")
final class ConsumerStateTests {
  private var state: ConsumerState

  init() {
    var configuration = RabbitMQConfiguration(urls: [])
    configuration.deliveryBytesMax = 4 << 20
    configuration.prefetch = 2_000
    state = ConsumerState(configuration: configuration)
    state.connected(at: .now)
  }

  private func receive(_ count: Int, bytes: Int) {
    let message = WriteMessage.encode(
      QueuedWrite("k", value: String(repeating: "x", count: bytes))
    ).received
    let received = ReceivedWrites(message, connection: state.connection, number: 1)
    state.received(Array(repeating: received, count: count), at: .now)
  }

  private func reconnect() {
    state.lost("gone")
    state.connected(at: .now)
  }

  @Test("As many as are wanted, until they are long; then the next connection gets fewer")
  func fewer() {
    #expect(state.prefetch == 2_000)
    receive(1_000, bytes: 100)
    reconnect()
    #expect(state.prefetch == 2_000)
    receive(200, bytes: 1 << 20)
    #expect(state.room < 0)
    #expect(state.prefetch == 2_000, "a consumer keeps what it has begun with")
    reconnect()
    #expect((3...4).contains(state.prefetch), "one may be over")
    #expect(state.room == 4 << 20)
  }

  @Test("When they have become short again, another connection gets more")
  func more() {
    receive(200, bytes: 1 << 20)
    reconnect()
    #expect(!state.isTooTimid)
    receive(200, bytes: 100)
    #expect(state.isTooTimid)
    reconnect()
    #expect(state.prefetch == 2_000)
    #expect(!state.isTooTimid)
  }

  @Test("One that is longer than all that may be held is taken, alone")
  func tooLong() {
    receive(200, bytes: 8 << 20)
    reconnect()
    #expect(state.prefetch == 1)
  }
}

@Suite("Writes that came in one message are settled each by itself")
final class SharedMessageTests {
  private var state: ConsumerState
  private let writes = (0..<5).map { QueuedWrite("key \($0)") }

  init() {
    var configuration = RabbitMQConfiguration(urls: [])
    configuration.batchDeliveriesMax = 3
    configuration.gathering = .zero
    state = ConsumerState(configuration: configuration)
    state.connected(at: .now)
  }

  /// A message of all writes comes, one of which may be damaged.
  private func receive(number: UInt64 = 1, damaged place: Int? = nil) {
    var pieces = writes.map { WriteGroup.encode($0) }
    if let place { pieces[place][4] |= 0x80 }
    let message = WriteGroup.message(of: pieces, id: writes[0].id).received
    state.received(
      [ReceivedWrites(message, connection: state.connection, number: number)], at: .now)
  }

  /// What the worker takes next.
  private func take() async -> [Delivery] {
    await withCheckedContinuation { waiter in
      let (deliveries, _) = state.take(for: waiter, at: .now)
      waiter.resume(returning: deliveries ?? [])
    }
  }

  private func keys(_ deliveries: [Delivery]) -> [String] {
    deliveries.map { if case .write(let queued) = $0.content { queued.write.key.text } else { "" } }
  }

  private func told() -> ConsumerState.Replies { state.takeReplies(at: .now).replies }

  private func confirm(_ tag: UInt64) {
    state.confirmed(Confirm(channel: 2, tag: tag, isMultiple: false, isPositive: true))
  }

  @Test("A worker gets as many writes as it takes, in order; the message is done after the last")
  func batches() async {
    receive()
    let (first, second) = (await take(), await take())
    #expect(keys(first + second) == writes.map(\.write.key.text))
    #expect(first.count == 3)
    _ = state.acknowledge(second)
    #expect(told().isEmpty)
    _ = state.acknowledge(first)
    #expect(told().replies == [.acknowledge(1, multiple: true)])
    #expect(state.bytesHeld == 0)
  }

  @Test("One that is put aside goes alone, and its message is done once the dead letter is safe")
  func burial() async throws {
    receive()
    let deliveries = await take() + take()
    _ = state.acknowledge(Array(deliveries[..<2] + deliveries[3...]))
    _ = state.reject([deliveries[2]])
    _ = state.reject([deliveries[2]])
    let burials = told()
    #expect(burials.replies == [] && burials.burials.count == 1)
    #expect(try WriteMessage.decode(burials.burials[0].received) == writes[2])
    #expect(state.isBurying)
    confirm(1)
    #expect(!state.isBurying)
    #expect(told().replies == [.acknowledge(1, multiple: true)])
    confirm(1)
    #expect(told().isEmpty)
  }

  @Test("One that can't be read is put aside as it came")
  func damaged() async throws {
    receive(damaged: 1)
    let deliveries = await take()
    #expect(keys(deliveries) == ["key 0", "", "key 2"])
    _ = state.reject([deliveries[1]])
    let letter = try #require(told().burials.first).received
    #expect(letter.id == Array(writes[1].id.text.utf8))
    let again = ReceivedWrites(letter, connection: 1, number: 1).deliveries
    #expect(again.map(\.content) == [deliveries[1].content])
  }

  @Test("A dead letter that a lost connection has not confirmed means nothing for the next one")
  func lost() async {
    receive()
    let deliveries = await take()
    _ = state.reject([deliveries[0]])
    #expect(told().burials.count == 1)
    state.lost("gone")
    state.connected(at: .now)
    #expect(!state.isBurying)
    receive()
    _ = state.acknowledge(await take() + take())
    confirm(1)
    #expect(told().replies == [.acknowledge(1, multiple: true)])
  }

  @Test("How many writes a message carries is known as they come")
  func average() {
    #expect(state.usualWrites == nil)
    receive()
    #expect(state.usualWrites == 5)
    let single = WriteMessage.encode(writes[0]).received
    for number in 2...100 {
      state.received(
        [ReceivedWrites(single, connection: state.connection, number: UInt64(number))], at: .now)
    }
    #expect((1...1.1).contains(state.usualWrites ?? 0))
  }
}

@Suite("Whether a consumer gets what waits for it")
final class ConsumerProgressTests {
  private let start = ContinuousClock.now
  private var progress = ConsumerProgress(patience: .seconds(5))

  private func mustAsk(at seconds: Int) -> Bool { progress.mustAsk(at: start + .seconds(seconds)) }

  private func stall(at seconds: Int) -> String? { progress.stall(at: start + .seconds(seconds)) }

  private func observed(_ ready: Int, hasRoom: Bool = true, at seconds: Int) {
    progress.observed(ready: ready, hasRoom: hasRoom, at: start + .seconds(seconds))
  }

  @Test("The channel is asked once a second, and not again before its answer")
  func questions() {
    #expect(!mustAsk(at: 0), "not connected")
    progress.connected(at: start)
    #expect(mustAsk(at: 0))
    #expect(!mustAsk(at: 3))
    progress.answered()
    #expect(mustAsk(at: 3))
    #expect(stall(at: 8) == nil)
    #expect(stall(at: 9) == "the channel has not answered for 6 s")
  }

  @Test("A delivery is a sign of life, too")
  func delivery() {
    progress.connected(at: start)
    #expect(mustAsk(at: 0))
    observed(3, at: 0)
    progress.moved()
    #expect(stall(at: 100) == nil)
  }

  @Test("A queue that is not empty while nothing is delivered")
  func starving() {
    progress.connected(at: start)
    observed(3, at: 0)
    observed(7, at: 4)
    #expect(stall(at: 5) == nil)
    #expect(stall(at: 6) == "7 messages wait, and none was delivered for 6 s")
    observed(0, at: 7)
    #expect(stall(at: 100) == nil)
    observed(7, hasRoom: false, at: 100)
    #expect(stall(at: 200) == nil, "it holds as many as it may")
  }

  @Test("Each connection that does not help gets twice as long, until something moves")
  func patience() {
    for limit in [5, 10, 20, 40, 60, 60] {
      progress.connected(at: start)
      observed(1, at: 0)
      #expect(stall(at: limit) == nil)
      #expect(stall(at: limit + 1) != nil)
      progress.restart()
    }
    progress.moved()
    observed(1, at: 0)
    #expect(stall(at: 6) != nil)
  }
}

@Suite("Batches of deliveries are handed out in time")
final class HandingOutTests {
  private let start = ContinuousClock.now
  private var state: ConsumerState
  private var number: UInt64 = 0

  init() {
    var configuration = RabbitMQConfiguration(urls: [])
    configuration.batchDeliveriesMax = 100
    state = ConsumerState(configuration: configuration)
    state.connected(at: start)
    // The thread waits for the answer to its question whether the channel lives.
    _ = state.progress.mustAsk(at: start)
  }

  private func receive(_ count: Int, after: Duration) {
    for _ in 0..<count {
      number += 1
      let message = WriteMessage.encode(QueuedWrite("k")).received
      state.received(
        [ReceivedWrites(message, connection: state.connection, number: number)],
        at: start + after)
    }
  }

  /// What the worker gets if it asks at `after`, or else when the thread looks at `until`; and for
  /// how long the thread waits meanwhile.
  private func take(after: Duration, until: Duration? = nil) async -> (count: Int, wait: Duration?)
  {
    var wait: Duration?
    let deliveries = await withCheckedContinuation { (waiter: ConsumerState.Waiter) in
      let (deliveries, _) = state.take(for: waiter, at: start + after)
      if let deliveries { return waiter.resume(returning: deliveries) }
      wait = state.takeReplies(at: start + after).pause
      if let until, let (waiter, deliveries) = state.handOut(at: start + until) {
        waiter.resume(returning: deliveries)
      }
      state.cancelWaiting()?.resume(returning: [])
    }
    return (deliveries.count, wait)
  }

  @Test("The first of a batch waits a moment for others")
  func gathering() async {
    receive(1, after: .zero)
    let early = await take(after: .milliseconds(1), until: .milliseconds(4))
    #expect(early.count == 0 && early.wait == .milliseconds(4))
    receive(2, after: .milliseconds(4))
    #expect(await take(after: .milliseconds(4), until: .milliseconds(5)).count == 3)
    #expect(await take(after: .milliseconds(6), until: .milliseconds(60)).count == 0)
  }

  @Test("After a batch of many the next one gathers for longer; after one of few it does not")
  func pacing() async {
    receive(20, after: .zero)
    #expect(await take(after: .milliseconds(5)).count == 20)
    receive(3, after: .milliseconds(6))
    let early = await take(after: .milliseconds(12), until: .milliseconds(24))
    #expect(early.count == 0 && early.wait == .milliseconds(13))
    #expect(await take(after: .milliseconds(25)).count == 3)
    receive(1, after: .milliseconds(26))
    #expect(await take(after: .milliseconds(31)).count == 1)
  }

  @Test("A full batch is handed out at once")
  func full() async {
    receive(250, after: .zero)
    #expect(await take(after: .zero).count == 100)
    #expect(await take(after: .zero).count == 100)
    #expect(await take(after: .zero, until: .milliseconds(19)).count == 0)
    #expect(await take(after: .milliseconds(20)).count == 50)
  }
}
