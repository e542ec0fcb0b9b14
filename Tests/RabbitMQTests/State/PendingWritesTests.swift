import KeyValueStore
import Synchronization
import Testing

@testable import RabbitMQ

@Suite("Writes that wait for the publisher share messages")
final class PendingWritesTests {
  private let start = ContinuousClock.now
  private var state: PublisherState

  init() {
    var configuration = RabbitMQConfiguration(urls: [])
    configuration.confirmDeadline = .seconds(2)
    state = PublisherState(configuration: configuration)
    state.connected()
  }

  /// Accepts writes of these keys. Returns whether the thread must be woken for one of them.
  @discardableResult
  private func add(
    _ keys: [String], callers: [UnconfirmedWrite.Caller] = [], bytes: Int = 5
  ) -> Bool {
    var mustWake = false
    for (place, key) in keys.enumerated() {
      let write = UnconfirmedWrite(
        QueuedWrite(key, value: String(repeating: "x", count: bytes)),
        deadline: start + .seconds(2), caller: callers.isEmpty ? nil : callers[place])
      let result = state.add(write, at: start)
      #expect(result.refusal == nil)
      mustWake = mustWake || result.mustWake
    }
    return mustWake
  }

  /// The keys in the messages that are sent now.
  private func send() -> [[String]] { sent().map { $0.map(\.write.key.text) } }

  private func sent() -> [[QueuedWrite]] {
    var all: [[QueuedWrite]] = []
    while case .send(let messages, _) = state.step(at: start) {
      for sent in messages {
        let received = ReceivedWrites(sent.message.received, connection: 1, number: 1)
        all.append(
          received.deliveries.compactMap {
            if case .write(let queued) = $0.content { queued } else { nil }
          })
      }
    }
    return all
  }

  private func confirm(
    _ tag: UInt64, isMultiple: Bool = false, isPositive: Bool = true, after: Duration = .zero
  ) {
    let confirm = Confirm(
      channel: PublisherState.writesChannel, tag: tag, isMultiple: isMultiple,
      isPositive: isPositive)
    state.confirmed([confirm], at: start + after).give(nil)
  }

  /// Sends four messages of one write each.
  private func fill() {
    for key in ["1", "2", "3", "4"] {
      add([key])
      #expect(send() == [[key]])
    }
  }

  @Test("One leaves at once when it is quiet; those that come while four are unconfirmed share one")
  func sharing() {
    #expect(send() == [])
    #expect(add(["a"]), "an idle thread must be woken")
    #expect(send() == [["a"]])
    add(["b", "c"])
    #expect(send() == [["b", "c"]])
    add(["d"])
    #expect(send() == [["d"]])
    add(["e"])
    #expect(send() == [["e"]])
    #expect(!add(["f", "g"]), "the next confirm wakes it")
    #expect(!add(["h"]))
    #expect(send() == [])
    confirm(1)
    #expect(send() == [["f", "g", "h"]])
    confirm(5, isMultiple: true)
    #expect(state.writes.count == 0 && state.writes.bytes == 0)
    #expect(add(["i"]))
  }

  @Test("A message takes 500 writes, or 256 KiB, and a longer write has one to itself")
  func bounds() {
    add((0..<1_100).map { "\($0)" })
    let messages = send()
    #expect(messages.map(\.count) == [500, 500, 100])
    #expect(messages.flatMap { $0 } == (0..<1_100).map { "\($0)" })
    confirm(3, isMultiple: true)
    add(["a", "b", "c"], bytes: 100_000)
    #expect(send() == [["a", "b"], ["c"]])
    confirm(5, isMultiple: true)
    add(["d"])
    add(["e"], bytes: 300_000)
    add(["f", "g"])
    #expect(send() == [["d"], ["e"], ["f", "g"]])
  }

  @Test("The confirm of a message answers all of its writes, and no others")
  func confirmed() async {
    let answers = await answers(3) { callers in
      add(["a", "b"], callers: [callers[0], callers[1]])
      #expect(send() == [["a", "b"]])
      add(["c"], callers: [callers[2]])
      #expect(send() == [["c"]])
      confirm(1)
      #expect(state.writes.count == 1)
      state.expire(at: start + .seconds(2)).give(nil)
    }
    #expect(answers[0] == nil && answers[1] == nil)
    #expect(answers[2].isUnknown)
    #expect(state.writes.count == 1, "it is still sent")
  }

  @Test("Each write has its own deadline: sent, its outcome is unknown; unsent, it is refused")
  func deadlines() async {
    fill()
    let answers = await answers(1) { callers in
      add(["a"], callers: callers)
      state.expire(at: start + .seconds(1)).give(nil)
      #expect(state.writes.count == 5)
      state.expire(at: start + .seconds(2)).give(nil)
    }
    #expect(answers[0].isUnavailable)
    confirm(4, isMultiple: true)
    #expect(send() == [], "it was given up")
    #expect(state.writes.count == 0)
  }

  @Test("A message that is refused: its writes are, but for those that were sent before")
  func refused() async {
    add(["a", "b"])
    #expect(send() == [["a", "b"]])
    state.lost("gone").give(nil)
    state.connected()
    let answers = await answers(1) { callers in
      add(["c"], callers: callers)
      #expect(send() == [["a", "b", "c"]])
      add(["d"])
      #expect(send() == [["d"]])
      confirm(1, isPositive: false)
    }
    #expect(answers[0].isUnavailable)
    #expect(send() == [["a", "b"]], "one of them may be in the queue")
    confirm(3, isMultiple: true)
    #expect(state.writes.count == 0)
  }

  @Test("After a lost connection what was unconfirmed is sent again in its order, the rest refused")
  func lost() async {
    add(["a", "b"])
    _ = send()
    add(["c"])
    _ = send()
    add(["d"])
    _ = send()
    add(["e"])
    _ = send()
    let answers = await answers(1) { callers in
      add(["f"], callers: callers)
      confirm(2)
      state.lost("gone").give(nil)
    }
    #expect(answers[0].isUnavailable)
    #expect(send() == [], "there is no connection")
    state.connected()
    #expect(send() == [["a", "b", "d", "e"]])
    // The numbers of the new channel.
    confirm(1)
    #expect(state.writes.count == 0)
  }

  @Test("What was refused and waits takes its place among the others after a lost connection")
  func order() {
    add(["a"])
    _ = send()
    add(["b"])
    _ = send()
    state.lost("gone").give(nil)
    state.connected()
    #expect(send() == [["a", "b"]])
    add(["c"])
    #expect(send() == [["c"]])
    confirm(1, isPositive: false)
    state.lost("refused").give(nil)
    state.connected()
    #expect(send() == [["a", "b", "c"]])
  }

  @Test("A message that comes back: its writes are refused, unless they were sent before")
  func returned() async {
    add(["a"])
    _ = send()
    state.lost("gone").give(nil)
    state.connected()
    let answers = await answers(3) { callers in
      add(["b"], callers: [callers[0]])
      let first = sent()
      #expect(first.map { $0.map(\.write.key.text) } == [["a", "b"]])
      add(["c", "d"], callers: [callers[1], callers[2]])
      let second = sent()
      for message in [first, second] {
        state.returned(id: Array(message[0][0].id.text.utf8), reason: "312 NO_ROUTE").give(nil)
      }
    }
    #expect(answers.allSatisfy { $0.isUnavailable })
    #expect(state.writes.count == 1)
    state.lost("a queue is gone").give(nil)
    state.connected()
    #expect(send() == [["a"]])
  }

  @Test("A publisher that is asked to stop sends what waits, message by message, and then ends")
  func ending() {
    fill()
    add(["a", "b"])
    state.end(at: start)
    #expect(send() == [])
    confirm(1)
    #expect(send() == [["a", "b"]])
    confirm(5, isMultiple: true)
    guard case .end = state.step(at: start) else {
      Issue.record("it does not end")
      return
    }
  }

  /// Runs `body` with callers that wait, and returns their answers.
  private func answers(
    _ count: Int, _ body: ([UnconfirmedWrite.Caller]) -> Void
  ) async -> [StoreError?] {
    let callers = Callers()
    return await withTaskGroup(of: (Int, StoreError?).self) { group in
      for number in 0..<count {
        group.addTask { (number, await callers.wait(number)) }
      }
      while callers.count < count { await Task.yield() }
      body(callers.all)
      var answers = [StoreError?](repeating: nil, count: count)
      for await (number, answer) in group { answers[number] = answer }
      return answers
    }
  }
}

/// Callers that wait for their answers.
private final class Callers: Sendable {
  private let waiting = Mutex<[Int: UnconfirmedWrite.Caller]>([:])

  var count: Int { waiting.withLock { $0.count } }

  var all: [UnconfirmedWrite.Caller] {
    waiting.withLock { waiting in waiting.sorted { $0.key < $1.key }.map(\.value) }
  }

  func wait(_ number: Int) async -> StoreError? {
    await withCheckedContinuation { caller in
      waiting.withLock { $0[number] = caller }
    }
  }
}
