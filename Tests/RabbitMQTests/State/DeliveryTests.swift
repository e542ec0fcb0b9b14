import KeyValueStore
import TestSupport
import Testing

@testable import RabbitMQ

@Suite("Deliveries are acknowledged with few methods")
final class UnacknowledgedDeliveriesTests {
  private var deliveries = UnacknowledgedDeliveries()

  /// So many messages come, each with so many writes.
  private func arrive(_ count: Int, writes: Int = 1) {
    for _ in 0..<count { deliveries.append(writes: writes) }
  }

  private func tag(_ number: UInt64, _ place: Int = 0) -> DeliveryTag {
    DeliveryTag(connection: 1, number: number, place: place)
  }

  private func acknowledge(_ numbers: some Sequence<UInt64>) -> [UnacknowledgedDeliveries.Reply] {
    deliveries.acknowledge(numbers.map { tag($0) })
  }

  private func reject(_ numbers: some Sequence<UInt64>) -> [UnacknowledgedDeliveries.Reply] {
    deliveries.reject(numbers.map { tag($0) })
  }

  @Test("A whole prefix takes one acknowledgement")
  func prefix() {
    arrive(5)
    #expect(acknowledge([2, 1, 3]) == [.acknowledge(3, multiple: true)])
    #expect(acknowledge([4, 5]) == [.acknowledge(5, multiple: true)])
    #expect(deliveries.count == 0)
  }

  @Test("A delivery done out of order is acknowledged at once, and never as the end of a prefix")
  func outOfOrder() {
    arrive(4)
    #expect(acknowledge([2]) == [.acknowledge(2, multiple: false)])
    #expect(acknowledge([1]) == [.acknowledge(1, multiple: true)])
    #expect(acknowledge([4]) == [.acknowledge(4, multiple: false)])
    #expect(reject([3]) == [.reject(3)])
    #expect(deliveries.count == 0)
  }

  @Test("A rejected delivery is not acknowledged by those after it")
  func rejected() {
    arrive(3)
    #expect(reject([2]) == [.reject(2)])
    // The broker knows of 2 by then, so that "all up to 3" does not mean it.
    #expect(acknowledge([1, 3]) == [.acknowledge(3, multiple: true)])
  }

  @Test("A delivery is finished once, and none that never came")
  func twice() {
    arrive(2)
    #expect(acknowledge([1, 1]) == [.acknowledge(1, multiple: true)])
    #expect(acknowledge([1, 3, 0, .max]) == [])
    #expect(reject([1]) == [])
    deliveries.reset()
    #expect(acknowledge([2]) == [])
  }

  @Test("A message is acknowledged once each of its writes is settled, however often one is")
  func shared() {
    arrive(2, writes: 3)
    #expect(!deliveries.isAlone(tag(1)) && deliveries.isOpen(tag(1)))
    #expect(deliveries.acknowledge([tag(1, 0), tag(1, 2), tag(1, 2), tag(1, 3)]) == [])
    #expect(!deliveries.isOpen(tag(1, 2)) && deliveries.isOpen(tag(1, 1)))
    #expect(deliveries.reject([tag(1, 1)]) == [], "the others are settled, or in another message")
    #expect(
      deliveries.acknowledge((0..<3).map { tag(2, $0) }) == [.acknowledge(2, multiple: false)])
    #expect(deliveries.acknowledge([tag(1, 1)]) == [.acknowledge(1, multiple: true)])
    #expect(deliveries.count == 0)
  }

  @Test("In whatever order deliveries are done, each is acknowledged once")
  func anyOrder() {
    let seed = UInt64.random(in: .min ... .max)
    var random = SeededGenerator(seed: seed)
    for _ in 0..<500 {
      deliveries.reset()
      let count = Int.random(in: 1...40, using: &random)
      arrive(count)
      var left = (1...UInt64(count)).shuffled(using: &random)
      var broker = Set(left)
      while !left.isEmpty {
        let taken = left.prefix(Int.random(in: 1...left.count, using: &random))
        left.removeFirst(taken.count)
        let replies =
          Bool.random(using: &random)
          ? acknowledge(taken) : reject(taken)
        for reply in replies {
          switch reply {
          case .acknowledge(let tag, let multiple):
            #expect(broker.contains(tag), "seed \(seed)")
            broker = broker.filter { multiple ? $0 > tag : $0 != tag }
          case .reject(let tag):
            #expect(broker.remove(tag) != nil, "seed \(seed)")
          }
        }
        #expect(broker == Set(left), "seed \(seed)")
      }
    }
  }
}

@Suite("Deliveries are tried in parts")
struct DeliveryPartsTests {
  /// A delivery with a value of so many bytes.
  private func delivery(_ count: Int, _ bytes: Int = 0, number: UInt64 = 0) -> Delivery {
    let write = QueuedWrite("k", value: String(repeating: "x", count: bytes))
    var message = WriteMessage.encode(write).received
    message.headers.append((.deliveryCount, .integer(Int64(count))))
    return ReceivedWrites(message, connection: 1, number: number).deliveries[0]
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
