import KeyValueStore
import Testing

@testable import RabbitMQ
import TestSupport

@Suite("Changes wait for their confirms")
final class PublisherConfirmTests {
  private let start = ContinuousClock.now
  private var state: PublisherState

  init() {
    var configuration = RabbitMQConfiguration(urls: [])
    configuration.changesInterval = .zero
    configuration.stallPatience = .seconds(5)
    state = PublisherState(configuration: configuration)
    state.connected()
  }

  /// Accepts a change and sends it, as a message of its own.
  private func publish(_ key: String, at now: ContinuousClock.Instant? = nil) {
    let pieces = PendingChanges.pack([Change(key)], settling: nil)
    #expect(state.add(pieces, at: now ?? start).0 == nil)
    guard case .send(_, let changes) = state.step(at: now ?? start), changes.count == 1 else {
      Issue.record("not sent")
      return
    }
  }

  private func confirm(_ tag: UInt64, isPositive: Bool = true, after: Duration = .zero) {
    let confirm = Confirm(
      channel: PublisherState.changesChannel, tag: tag, isMultiple: false, isPositive: isPositive)
    state.confirmed([confirm], at: start + after).give(nil)
  }

  private func stall(at time: Duration) -> String? { state.stall(at: start + time) }

  @Test("A flush waits for a message that was refused, even when later ones are confirmed")
  func refused() async {
    publish("a")
    let answer = await withCheckedContinuation { caller in
      _ = state.flush(caller, deadline: start + .seconds(1))
      publish("b")
      confirm(1, isPositive: false)
      confirm(2)
      state.expire(at: start + .seconds(2)).give(nil)
    }
    #expect(answer?.cause == "RabbitMQ did not confirm in time")
    // It is sent again, and then confirmed.
    let next = await withCheckedContinuation { caller in
      _ = state.flush(caller, deadline: start + .seconds(3))
      guard case .send(_, let changes) = state.step(at: start + .seconds(2)) else { return }
      #expect(changes.count == 1)
      confirm(3)
      state.expire(at: start + .seconds(4)).give(nil)
    }
    #expect(next == nil)
  }

  @Test("Several that are refused together are sent again in their order")
  func order() {
    for key in ["a", "b", "c"] { publish(key) }
    let refusal = Confirm(
      channel: PublisherState.changesChannel, tag: 3, isMultiple: true, isPositive: false)
    state.confirmed([refusal], at: start).give(nil)
    guard case .send(_, let changes) = state.step(at: start) else {
      Issue.record("not sent")
      return
    }
    #expect(changes.map(\.sequence) == [1, 2, 3])
  }

  @Test("A broker that confirms nothing is given up; a slow one is not")
  func stalled() {
    publish("a")
    #expect(stall(at: .seconds(5)) == nil)
    #expect(stall(at: .seconds(6)) == "changes: no confirm within 5 s for 1 messages")
    state.lost("no confirm").give(nil)
    #expect(stall(at: .seconds(60)) == nil, "there is no connection")
    state.connected()
    _ = state.step(at: start)
    #expect(stall(at: .seconds(10)) == nil, "twice as long")
    publish("b", at: start + .seconds(9))
    confirm(1, after: .seconds(10))
    #expect(stall(at: .seconds(14)) == nil, "one was confirmed since")
  }

  @Test("A message that later ones have overtaken does not wait while others are confirmed")
  func overtaken() {
    publish("a")
    for second in 1...6 {
      publish("\(second)", at: start + .seconds(second))
      confirm(UInt64(second + 1), after: .seconds(second))
    }
    #expect(stall(at: .seconds(6)) != nil)
  }

  @Test("A broker that says that it takes nothing is not given up")
  func blocked() {
    publish("a")
    state.blocked("low on memory").give(nil)
    #expect(stall(at: .seconds(60)) == nil)
  }
}

@Suite("Changes are gathered for a moment")
final class PublisherPacingTests {
  private let interval = Duration.milliseconds(20)
  private let start = ContinuousClock.now
  private var state: PublisherState

  init() {
    var configuration = RabbitMQConfiguration(urls: [])
    configuration.changesInterval = interval
    state = PublisherState(configuration: configuration)
    state.connected()
  }

  /// Publishes the deletion of a key; says whether the thread must be woken.
  private func publish(_ key: String, at now: ContinuousClock.Instant) -> Bool {
    let change = Change(key: Key(key), revision: Revision(1), kind: .delete)
    let (refusal, mustWake) = state.add(
      PendingChanges.pack([change], settling: .numbered(1)), at: now)
    #expect(refusal == nil)
    return mustWake
  }

  /// What the thread is to do: how many messages it sends, or until when it waits.
  private func step(at now: ContinuousClock.Instant) -> (sent: Int, until: ContinuousClock.Instant?)
  {
    switch state.step(at: now) {
    case .send(_, let changes): (changes.count, nil)
    case .wait(let end): (0, end)
    case .end: (-1, nil)
    }
  }

  @Test("The first after a pause goes at once, those that follow share a message")
  func pacing() {
    #expect(step(at: start) == (0, nil))
    #expect(publish("a", at: start), "an idle thread must be woken")
    #expect(step(at: start) == (1, nil))
    #expect(step(at: start) == (0, nil))
    #expect(publish("b", at: start), "it does not know yet when to go on")
    #expect(step(at: start) == (0, start + interval))
    #expect(!publish("c", at: start), "it will look by itself")
    #expect(step(at: start + interval) == (1, nil))
    #expect(step(at: start + interval) == (0, nil))
  }

  @Test("A full message does not wait")
  func fullMessage() {
    #expect(publish("a", at: start) == false)
    #expect(step(at: start).sent == 1)
    #expect(publish("b", at: start) == false)
    #expect(step(at: start).until == start + interval)
    let long = String(repeating: "k", count: 1_000)
    let wakes = (0..<100).map { publish("\(long)\($0)", at: start) }
    #expect(wakes.first == false)
    #expect(wakes.contains(true))
    #expect(step(at: start).sent >= 1)
  }

  @Test("A publisher that is asked to stop waits for no interval")
  func ending() {
    _ = publish("a", at: start)
    _ = step(at: start)
    _ = publish("b", at: start)
    state.end(at: start)
    #expect(step(at: start).sent == 1)
  }
}
