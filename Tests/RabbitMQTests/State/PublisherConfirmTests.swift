import KeyValueStore
import Testing

@testable import RabbitMQ

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

  /// Takes a change on and sends it, as a message of its own.
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

  private func mustGiveUp(at time: Duration) -> Bool { state.mustGiveUp(at: start + time) }

  @Test("Who waits for one that was refused goes on waiting, whatever came later is on its way")
  func refused() async {
    publish("a")
    let answer = await withCheckedContinuation { caller in
      _ = state.flush(caller, deadline: start + .seconds(1))
      publish("b")
      confirm(1, isPositive: false)
      confirm(2)
      state.expired(at: start + .seconds(2)).give(nil)
    }
    #expect(answer?.cause == "RabbitMQ did not confirm in time")
    // It is sent once more, and confirmed then.
    let next = await withCheckedContinuation { caller in
      _ = state.flush(caller, deadline: start + .seconds(3))
      guard case .send(_, let changes) = state.step(at: start + .seconds(2)) else { return }
      #expect(changes.count == 1)
      confirm(3)
      state.expired(at: start + .seconds(4)).give(nil)
    }
    #expect(next == nil)
  }

  @Test("Several that are refused with one word are sent again in their order")
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

  @Test("A broker that confirms nothing is given up, once a connection; a slow one is not")
  func stalled() {
    publish("a")
    #expect(!mustGiveUp(at: .seconds(5)))
    #expect(mustGiveUp(at: .seconds(6)))
    #expect(!mustGiveUp(at: .seconds(7)), "it is known")
    let failure = state.explain(ConnectionFailure("reading: closed"))
    #expect(failure.cause == "changes: no confirm within 5 s for 1 messages")
    state.lost(failure.cause).give(nil)
    #expect(!mustGiveUp(at: .seconds(60)), "there is no connection")
    state.connected()
    _ = state.step(at: start)
    #expect(!mustGiveUp(at: .seconds(10)), "twice as long")
    publish("b", at: start + .seconds(9))
    confirm(1, after: .seconds(10))
    #expect(!mustGiveUp(at: .seconds(14)), "one was confirmed since")
    #expect(state.stalls == 1)
  }

  @Test("A message that later ones have overtaken is not waited for as long as others come")
  func overtaken() {
    publish("a")
    for second in 1...6 {
      publish("\(second)", at: start + .seconds(second))
      confirm(UInt64(second + 1), after: .seconds(second))
    }
    #expect(mustGiveUp(at: .seconds(6)))
  }

  @Test("A broker that has said that it takes nothing is not given up for it")
  func blocked() {
    publish("a")
    state.blocked("low on memory").give(nil)
    #expect(!mustGiveUp(at: .seconds(60)))
  }
}
