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
