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
    state = PublisherState(configuration: configuration)
    state.connected()
  }

  /// Takes a change on and sends it, as a message of its own.
  private func publish(_ key: String) {
    let pieces = PendingChanges.pack([Change(key)], settling: nil)
    #expect(state.add(pieces, at: start).0 == nil)
    guard case .send(_, let changes) = state.step(at: start), changes.count == 1 else {
      Issue.record("not sent")
      return
    }
  }

  private func confirm(_ tag: UInt64, isPositive: Bool = true) {
    let confirm = Confirm(
      channel: PublisherState.changesChannel, tag: tag, isMultiple: false, isPositive: isPositive)
    state.confirmed([confirm]).give(nil)
  }

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
    state.confirmed([refusal]).give(nil)
    guard case .send(_, let changes) = state.step(at: start) else {
      Issue.record("not sent")
      return
    }
    #expect(changes.map(\.sequence) == [1, 2, 3])
  }
}
