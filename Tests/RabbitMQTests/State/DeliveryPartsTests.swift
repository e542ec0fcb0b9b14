import KeyValueStore
import Testing

@testable import RabbitMQ

@Suite("Deliveries are tried in parts")
struct DeliveryPartsTests {
  /// A delivery with a value of so many bytes.
  private func delivery(_ count: Int, _ bytes: Int = 0, number: UInt64 = 0) -> Delivery {
    let write = QueuedWrite("k", value: String(repeating: "x", count: bytes))
    var message = WriteMessage.encode(write).received
    message.headers.append((.deliveryCount, .integer(Int64(count))))
    return Delivery(message, tag: DeliveryTag(connection: 1, number: number))
  }

  private func cut(_ deliveries: [Delivery], bytesMax: Int = 1 << 20) -> [[Int]] {
    DeliveryParts.cut(deliveries, bytesMax: bytesMax).map { $0.map(\.deliveryCount) }
  }

  @Test("Those that come for the first time are tried all together")
  func first() {
    #expect(cut([]) == [])
    #expect(cut((0..<1_000).map { _ in delivery(0) }).map(\.count) == [1_000])
  }

  @Test("As many bytes as a part may have, and one message that has more by itself")
  func bytes() {
    let long = [delivery(0, 3_000), delivery(0, 20_000), delivery(0, 3_000), delivery(0, 3_000)]
    #expect(cut(long, bytesMax: 10_000).map(\.count) == [1, 1, 2])
  }

  @Test("The more often one has come, the fewer are tried with it, and then none, after all others")
  func company() {
    let mixed = [delivery(0), delivery(40), delivery(0), delivery(10), delivery(9), delivery(0)]
    #expect(cut(mixed) == [[0, 0], [9, 0], [40], [10]])
    let third = (0..<1_024).map { _ in delivery(3) }
    #expect(cut(third).map(\.count) == Array(repeating: 128, count: 8))
    #expect(cut((0..<3).map { _ in delivery(.max) }).map(\.count) == [1, 1, 1])
  }

  @Test("They keep their order")
  func order() {
    let many = (0..<300).map { delivery(2, number: UInt64($0)) }
    let numbers = DeliveryParts.cut(many, bytesMax: 1 << 20).flatMap { $0.map(\.tag.number) }
    #expect(numbers == Array(0..<300))
  }
}
