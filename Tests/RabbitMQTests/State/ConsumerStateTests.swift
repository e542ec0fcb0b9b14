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
    let tag = DeliveryTag(connection: state.connection, number: 1)
    let deliveries = Array(repeating: Delivery(message, tag: tag), count: count)
    state.received(deliveries, at: .now)
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
