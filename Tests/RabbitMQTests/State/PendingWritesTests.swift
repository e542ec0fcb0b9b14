import KeyValueStore
import Synchronization
import Testing

@testable import RabbitMQ

@Suite("Writes that wait for the publisher share messages")
final class PendingWritesTests {
  private let start = ContinuousClock.now
  private var state: PublisherState

  init() { state = PendingWritesTests.state() }

  /// The state of a connected publisher whose messages take so many writes.
  private static func state(writesMax: Int = 500) -> PublisherState {
    var configuration = RabbitMQConfiguration(urls: [])
    configuration.confirmDeadline = .seconds(2)
    configuration.messageWritesMax = writesMax
    var state = PublisherState(configuration: configuration)
    state.connected()
    return state
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

  /// The keys in the messages that are sent then: by default, when answered writers are not waited
  /// for any more.
  private func send(after: Duration = .milliseconds(2)) -> [[String]] {
    sent(after: after).map { $0.map(\.write.key.text) }
  }

  private func sent(after: Duration = .milliseconds(2)) -> [[QueuedWrite]] {
    var all: [[QueuedWrite]] = []
    while case .send(let messages, _) = state.step(at: start + after) {
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

  @Test("One leaves at once when it is quiet; those that come while it is unconfirmed share one")
  func sharing() {
    #expect(send() == [])
    #expect(add(["a"]), "an idle thread must be woken")
    #expect(send() == [["a"]])
    #expect(!add(["b", "c"]), "the next confirm wakes it")
    #expect(!add(["d"]))
    #expect(send() == [])
    confirm(1)
    #expect(send() == [["b", "c", "d"]])
    confirm(2)
    #expect(state.writes.count == 0 && state.writes.bytes == 0)
    #expect(add(["e"]))
  }

  @Test("After a confirm, the writers that were answered then have a moment to come back")
  func gathering() {
    add(["a"])
    #expect(send(after: .zero) == [["a"]])
    add(["b", "c"])
    confirm(1)
    #expect(send(after: .zero) == [], "the writer of a may come back")
    #expect(add(["d"]), "it has")
    #expect(send(after: .zero) == [["b", "c", "d"]])
    confirm(2)
    #expect(add(["e"]), "the thread must know until when it waits")
    guard case .wait(until: start + .milliseconds(2)) = state.step(at: start) else {
      Issue.record("it does not wait")
      return
    }
    #expect(!add(["f"]))
    #expect(send() == [["e", "f"]], "the third has not come back")
  }

  @Test("A message takes 500 writes, or 256 KiB, and a longer write has one to itself")
  func bounds() {
    add((0..<1_100).map { "\($0)" })
    let messages = send()
    #expect(messages.map(\.count) == [500, 500], "one that is not full waits for the others")
    confirm(2, isMultiple: true)
    let rest = send()
    #expect((messages + rest).flatMap { $0 } == (0..<1_100).map { "\($0)" })
    confirm(3)
    add(["a", "b", "c"], bytes: 100_000)
    #expect(send() == [["a", "b"]])
    confirm(4)
    #expect(send() == [["c"]])
    confirm(5)
    add(["d"])
    add(["e"], bytes: 300_000)
    add(["f", "g"])
    #expect(send() == [["d"], ["e"]])
    confirm(7, isMultiple: true)
    #expect(send() == [["f", "g"]])
  }

  @Test("No more than four full messages are unconfirmed")
  func outstanding() {
    state = PendingWritesTests.state(writesMax: 2)
    add((0..<12).map { "\($0)" })
    #expect(send() == [["0", "1"], ["2", "3"], ["4", "5"], ["6", "7"]])
    #expect(!add(["12"]))
    confirm(2)
    #expect(send() == [["8", "9"]])
  }

  @Test("The confirm of a message answers all of its writes, and no others")
  func confirmed() async {
    let answers = await answers(3) { callers in
      add(["a", "b"], callers: [callers[0], callers[1]])
      #expect(send() == [["a", "b"]])
      add(["c"], callers: [callers[2]])
      confirm(1)
      #expect(send() == [["c"]])
      #expect(state.writes.count == 1)
      state.expire(at: start + .seconds(2)).give(nil)
    }
    #expect(answers[0] == nil && answers[1] == nil)
    #expect(answers[2].isUnknown)
    #expect(state.writes.count == 1, "it is still sent")
  }

  @Test("Each write has its own deadline: sent, its outcome is unknown; unsent, it is refused")
  func deadlines() async {
    let answers = await answers(2) { callers in
      add(["a"], callers: [callers[0]])
      #expect(send() == [["a"]])
      add(["b"], callers: [callers[1]])
      state.expire(at: start + .seconds(1)).give(nil)
      #expect(state.writes.count == 2)
      state.expire(at: start + .seconds(2)).give(nil)
    }
    #expect(answers[0].isUnknown)
    #expect(answers[1].isUnavailable)
    confirm(1)
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
      confirm(1, isPositive: false)
    }
    #expect(answers[0].isUnavailable)
    #expect(send() == [["a", "b", "d"]], "one of the two may be in the queue")
    confirm(2)
    #expect(state.writes.count == 0)
  }

  @Test("After a lost connection what was unconfirmed is sent again in its order, the rest refused")
  func lost() async {
    state = PendingWritesTests.state(writesMax: 2)
    add(["a", "b", "c", "d", "e", "f"])
    #expect(send().count == 3)
    let answers = await answers(1) { callers in
      add(["g"], callers: callers)
      confirm(2)
      state.lost("gone").give(nil)
    }
    #expect(answers[0].isUnavailable)
    #expect(send() == [], "there is no connection")
    state.connected()
    #expect(send() == [["a", "b"], ["e", "f"]])
    // The numbers of the new channel.
    confirm(2, isMultiple: true)
    #expect(state.writes.count == 0)
  }

  @Test("What was refused and waits takes its place among the others after a lost connection")
  func order() {
    state = PendingWritesTests.state(writesMax: 1)
    add(["a", "b"])
    _ = send()
    state.lost("gone").give(nil)
    state.connected()
    #expect(send() == [["a"], ["b"]])
    add(["c"])
    #expect(send() == [["c"]])
    confirm(1, isPositive: false)
    state.lost("refused").give(nil)
    state.connected()
    #expect(send() == [["a"], ["b"], ["c"]])
  }

  @Test("A message that comes back: its writes are refused, unless they were sent before")
  func returned() async {
    state = PendingWritesTests.state(writesMax: 2)
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
    add(["a"])
    #expect(send() == [["a"]])
    add(["b", "c"])
    state.end(at: start)
    #expect(send() == [])
    confirm(1)
    #expect(send() == [["b", "c"]])
    confirm(2)
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
