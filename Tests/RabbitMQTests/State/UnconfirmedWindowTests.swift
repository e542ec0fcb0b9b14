import Testing

@testable import RabbitMQ

@Suite("Messages wait for their confirms")
final class UnconfirmedWindowTests {
  private var window = UnconfirmedWindow<Int>()

  private func confirm(_ tag: UInt64, multiple: Bool = false) -> [Int] {
    var messages: [Int] = []
    window.confirm(
      Confirm(channel: 1, tag: tag, isMultiple: multiple, isPositive: true), into: &messages)
    return messages
  }

  @Test("One at a time, in any order, once")
  func single() {
    for number in 1...4 { window.append(number) }
    #expect(confirm(3) == [3])
    #expect(confirm(3) == [])
    #expect(window.first == 1)
    #expect(confirm(1) == [1])
    #expect(window.first == 2)
    #expect(confirm(2) == [2])
    #expect(window.first == 4)
    #expect(confirm(4) == [4])
    #expect(window.isEmpty)
  }

  @Test("All up to one, but for those that are confirmed already")
  func multiple() {
    for number in 1...5 { window.append(number) }
    #expect(confirm(2) == [2])
    #expect(confirm(4, multiple: true) == [1, 3, 4])
    #expect(window.first == 5)
    window.append(6)
    #expect(confirm(6, multiple: true) == [5, 6])
    #expect(window.isEmpty)
  }

  @Test("A number that waits for nothing is ignored")
  func unknown() {
    window.append(1)
    #expect(confirm(0) == [] && confirm(2) == [] && confirm(.max, multiple: true) == [])
    #expect(confirm(1) == [1])
    #expect(confirm(1, multiple: true) == [])
  }

  @Test("A lost channel leaves what it did not answer, and the next counts from 1")
  func reset() {
    for number in 1...4 { window.append(number) }
    #expect(confirm(2) == [2])
    #expect(window.reset() == [1, 3, 4])
    window.append(9)
    #expect(confirm(1) == [9])
  }
}
