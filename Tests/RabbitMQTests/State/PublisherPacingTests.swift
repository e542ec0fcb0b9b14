import KeyValueStore
import Testing

@testable import RabbitMQ

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

  @Test("Who is told to end waits for no interval")
  func ending() {
    _ = publish("a", at: start)
    _ = step(at: start)
    _ = publish("b", at: start)
    state.end(at: start)
    #expect(step(at: start).sent == 1)
  }
}
