import Testing

@testable import RabbitMQ

@Suite("Deliveries are acknowledged in few words")
final class UnsettledDeliveriesTests {
  private var deliveries = UnsettledDeliveries()

  private func arrive(_ count: Int) {
    for _ in 0..<count { deliveries.append() }
  }

  private func acknowledge(_ tags: some Sequence<UInt64>) -> [UnsettledDeliveries.Word] {
    deliveries.acknowledge(tags)
  }

  private func refuse(
    _ tags: some Sequence<UInt64>, requeue: Bool
  ) -> [UnsettledDeliveries.Word] {
    deliveries.refuse(tags, requeue: requeue)
  }

  @Test("A whole prefix takes one word")
  func prefix() {
    arrive(5)
    #expect(acknowledge([2, 1, 3]) == [.acknowledge(3, multiple: true)])
    #expect(acknowledge([4, 5]) == [.acknowledge(5, multiple: true)])
    #expect(deliveries.count == 0)
  }

  @Test("What is done out of order is told at once, and never named as the end of a prefix")
  func outOfOrder() {
    arrive(4)
    #expect(acknowledge([2]) == [.acknowledge(2, multiple: false)])
    #expect(acknowledge([1]) == [.acknowledge(1, multiple: true)])
    #expect(acknowledge([4]) == [.acknowledge(4, multiple: false)])
    #expect(refuse([3], requeue: false) == [.refuse(3, requeue: false)])
    #expect(deliveries.count == 0)
  }

  @Test("A refused delivery is not acknowledged by those after it")
  func refused() {
    arrive(3)
    #expect(refuse([2], requeue: true) == [.refuse(2, requeue: true)])
    // The broker knows of 2 by then, so that "all up to 3" does not mean it.
    #expect(acknowledge([1, 3]) == [.acknowledge(3, multiple: true)])
  }

  @Test("Nothing is settled twice, nor what never came")
  func twice() {
    arrive(2)
    #expect(acknowledge([1, 1]) == [.acknowledge(1, multiple: true)])
    #expect(acknowledge([1, 3, 0, .max]) == [])
    #expect(refuse([1], requeue: true) == [])
    deliveries.reset()
    #expect(acknowledge([2]) == [])
  }

  @Test("However they are settled, each is settled once and no word names one that was")
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
        let words =
          Bool.random(using: &random)
          ? acknowledge(taken) : refuse(taken, requeue: true)
        for word in words {
          switch word {
          case .acknowledge(let tag, let multiple):
            #expect(broker.contains(tag), "seed \(seed)")
            broker = broker.filter { multiple ? $0 > tag : $0 != tag }
          case .refuse(let tag, _):
            #expect(broker.remove(tag) != nil, "seed \(seed)")
          }
        }
        #expect(broker == Set(left), "seed \(seed)")
      }
    }
  }
}
