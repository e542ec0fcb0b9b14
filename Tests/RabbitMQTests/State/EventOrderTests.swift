import KeyValueStore
import TestSupport
import Testing

@testable import RabbitMQ

@Suite("Changes of a key go out in the order of its revisions")
struct EventOrderTests {
  private let start = ContinuousClock.now

  /// An order, and what has come out of it.
  private struct Run {
    var order: EventOrder
    var out: [FeedEvent] = []
    let start: ContinuousClock.Instant
    private var offset: Int64 = 0

    init(_ start: ContinuousClock.Instant, bounds: EventOrder.Bounds = .following) {
      self.start = start
      order = EventOrder(
        after: FeedPosition(offset: 0, index: 0), skewMax: .milliseconds(50),
        latenessMax: .seconds(15), at: start, bounds: bounds)
    }

    /// The next message of the stream has these changes. Returns the revisions that go out.
    @discardableResult
    mutating func receive(_ changes: Change..., at milliseconds: Int) -> [Int64] {
      offset += 1
      let count = out.count
      let now = start + .milliseconds(milliseconds)
      for (index, change) in changes.enumerated() {
        order.receive(change, at: FeedPosition(offset: offset, index: index), now, into: &out)
      }
      order.release(at: now, into: &out)
      return out[count...].map(\.change.revision.number)
    }

    mutating func pass(_ milliseconds: Int) -> [Int64] {
      let count = out.count
      order.release(at: start + .milliseconds(milliseconds), into: &out)
      return out[count...].map(\.change.revision.number)
    }

    /// When the next one goes out, in milliseconds.
    var deadline: Int? { order.deadline.map { Int(($0 - start) / .milliseconds(1)) } }
    var positions: [String] { out.map(\.position.text) }
    var places: [String] { out.map(\.place.text) }
  }

  /// A put that follows the change of revision `previous`; nil: that is not told.
  private func put(_ revision: Int64, after previous: Int64?, key: String = "k") -> Change {
    Change(
      key: Key(key), revision: Revision(revision),
      kind: .put(
        Metadata(
          key: Key(key), revision: Revision(revision), version: 1, size: 0,
          contentType: "text/plain", createdAt: Timestamp(microseconds: 1),
          updatedAt: Timestamp(microseconds: revision), expiresAt: nil)),
      previous: previous.map { Revision($0) })
  }

  private func delete(_ revision: Int64, after previous: Int64?) -> Change {
    Change(
      key: Key("k"), revision: Revision(revision), kind: .delete,
      previous: previous.map { Revision($0) })
  }

  private func expiry(_ revision: Int64, after previous: Int64?) -> Change {
    Change(
      key: Key("k"), revision: Revision(revision), kind: .expire,
      previous: previous.map { Revision($0) })
  }

  /// A run in which the put of revision 30 has gone out. Revisions here are far below the time at
  /// which the run begins, so that nothing is known to have been made after that.
  private func begun() -> Run {
    var run = Run(start)
    run.receive(put(30, after: 20), at: 0)
    _ = run.pass(50)
    return run
  }

  @Test("The successor of the last change goes out at once, whatever it is")
  func successor() {
    for next in [put(40, after: 30), delete(40, after: 30), expiry(40, after: 30)] {
      var run = begun()
      #expect(run.out.map(\.change.revision.number) == [30])
      #expect(run.receive(next, put(50, after: 40), at: 60) == [40, 50])
      #expect(run.deadline == nil && !run.order.isHolding)
    }
  }

  @Test("The first change of a key goes out at once, as nothing comes before it")
  func first() {
    var run = Run(start)
    #expect(run.receive(put(20, after: 0), at: 0) == [20])
    #expect(run.receive(put(50, after: 40), at: 1).isEmpty)
    // The tombstone was purged: the key begins anew.
    #expect(run.receive(put(90, after: 0), at: 2).isEmpty)
    #expect(run.receive(delete(40, after: 20), at: 3) == [40, 50, 90])
  }

  @Test("A change of a key of which nothing is known waits for a moment, and older ones go before")
  func unknown() {
    for newer in [put(20, after: 10), put(20, after: nil), delete(20, after: 10)] {
      var run = Run(start)
      #expect(run.receive(newer, at: 0).isEmpty)
      #expect(run.deadline == 50)
      #expect(run.receive(put(10, after: 5), at: 30).isEmpty)
      #expect(run.pass(49).isEmpty)
      #expect(run.pass(50) == [10, 20])
    }
  }

  @Test("What does not tell what it follows waits for a moment, also behind a known change")
  func untold() {
    var run = begun()
    #expect(run.receive(put(50, after: nil), at: 100).isEmpty)
    #expect(run.receive(put(40, after: nil), at: 120).isEmpty)
    #expect(run.pass(149).isEmpty)
    #expect(run.pass(150) == [40, 50])
  }

  @Test("A change whose predecessor was made since the beginning waits for that")
  func sinceBeginning() {
    let second: Int64 = 1_000_000
    var run = Run(start)
    // The clock of the database says one second when the run begins.
    run.receive(put(second, after: 0, key: "other"), at: 0)
    #expect(run.receive(delete(4 * second, after: 3 * second), at: 3_000).isEmpty)
    #expect(run.deadline == 18_000)
    #expect(run.receive(put(3 * second, after: 0), at: 5_000) == [3 * second, 4 * second])
    // One that may have been made before is not waited for.
    run = Run(start)
    run.receive(put(second, after: 0, key: "other"), at: 0)
    #expect(run.receive(delete(4 * second, after: second / 2), at: 3_000).isEmpty)
    #expect(run.deadline == 3_050)
  }

  @Test("An order that begins anew knows what came last of the keys before its position")
  func remembered() {
    let second: Int64 = 1_000_000
    var run = Run(start)
    for (offset, change) in [
      put(10 * second, after: 0), put(11 * second, after: 0, key: "other"),
      put(30 * second, after: 10 * second), put(20 * second, after: 0, key: "last"),
    ].enumerated() {
      run.order.remember(change, at: FeedPosition(offset: Int64(offset * 20 - 100), index: 0))
    }
    #expect(run.receive(put(31 * second, after: 30 * second), at: 0) == [31 * second])
    #expect(run.receive(put(30 * second, after: 10 * second), at: 1).isEmpty)
    #expect(run.receive(delete(33 * second, after: 32 * second), at: 2).isEmpty)
    #expect(run.deadline == 15_002)
    #expect(run.receive(put(32 * second, after: 31 * second), at: 3).count == 2)
    // It was made since what is remembered, and is not there; the second may have come before.
    #expect(run.receive(put(15 * second, after: 12 * second, key: "x"), at: 4).isEmpty)
    #expect(run.deadline == 15_004)
    #expect(run.receive(put(15 * second, after: 9 * second, key: "y"), at: 5).isEmpty)
    #expect(run.deadline == 55)
  }

  @Test("A gap waits for what is missing, also before a delete or an expiry")
  func gap() {
    for later in [put(50, after: 40), delete(50, after: 40), expiry(50, after: 40)] {
      var run = begun()
      #expect(run.receive(later, put(60, after: 50), at: 100).isEmpty)
      #expect(run.deadline == 15_100)
      #expect(run.receive(put(40, after: 30), at: 3_000) == [40, 50, 60])
      #expect(run.deadline == nil && !run.order.isHolding)
    }
  }

  @Test("What never comes is waited for until the limit, and may come later all the same")
  func limit() {
    var run = begun()
    run.receive(put(50, after: 40), at: 100)
    run.receive(put(70, after: 60), at: 10_000)
    #expect(run.pass(15_099).isEmpty)
    #expect(run.pass(15_100) == [50])
    #expect(run.deadline == 25_000)
    #expect(run.receive(put(40, after: 30), at: 16_000) == [40])
    #expect(run.receive(put(60, after: 50), at: 17_000) == [60, 70])
  }

  @Test("A batch may delete and create a key several times at one moment")
  func oneMoment() {
    var run = begun()
    let changes = [
      put(40, after: 30), delete(41, after: 40), put(42, after: 41), delete(43, after: 42),
      put(44, after: 43), put(45, after: 44),
    ]
    for change in changes.reversed() { run.receive(change, at: 100) }
    #expect(run.out.map(\.change) == [run.out[0].change] + changes)
    for change in changes { #expect(run.receive(change, at: 300).isEmpty) }
  }

  @Test("What was given out already is dropped, also while it waits")
  func duplicates() {
    var run = begun()
    run.receive(put(40, after: 30), at: 60)
    #expect(run.receive(put(40, after: 30), put(30, after: 20), at: 70).isEmpty)
    // It came before all that is remembered.
    #expect(run.receive(put(20, after: 10), at: 70) == [20])
    run.receive(put(60, after: 50), put(60, after: 50), at: 80)
    #expect(run.receive(put(50, after: 40), at: 90) == [50, 60])
    #expect(run.receive(delete(70, after: 60), delete(70, after: 60), at: 100) == [70])
    #expect(run.receive(delete(70, after: 60), put(60, after: 50), at: 160).isEmpty)
    #expect(run.deadline == nil)
  }

  @Test("The position goes past a change only once that has gone out")
  func positions() {
    var run = begun()
    run.receive(put(10, after: 0, key: "other"), at: 60)
    #expect(run.positions == ["1.0", "2.0"])
    // Held from 3.1 on.
    run.receive(
      put(40, after: 30), put(60, after: 50), put(20, after: 10, key: "other"), at: 120)
    run.receive(put(30, after: 20, key: "other"), at: 130)
    #expect(run.places == ["1.0", "2.0", "3.0", "3.2", "4.0"])
    #expect(run.positions == ["1.0", "2.0", "3.0", "3.0", "3.0"])
    #expect(run.order.position == FeedPosition(offset: 3, index: 0))
    run.receive(put(50, after: 40), at: 140)
    #expect(run.places.suffix(2) == ["5.0", "3.1"])
    #expect(run.positions.suffix(2) == ["3.0", "5.0"])
    // A duplicate goes past, too.
    run.receive(put(50, after: 40), at: 150)
    #expect(run.order.position == FeedPosition(offset: 6, index: 0))
  }

  @Test("Beyond the bound on what waits the oldest goes out, after what is older of its key")
  func bounded() {
    var run = Run(start, bounds: EventOrder.Bounds(keysMax: 10, heldBytesMax: 4_000))
    run.receive(put(20, after: 10), at: 0)
    run.receive(put(10, after: 5), at: 0)
    var number = 0
    while run.out.isEmpty {
      number += 1
      run.receive(put(2, after: 1, key: "\(number)"), at: 1)
    }
    #expect((5...30).contains(number))
    #expect(run.out.map(\.change.revision.number) == [10, 20])
    #expect(run.pass(51).count == number)
    #expect(!run.order.isHolding && run.deadline == nil)
  }

  @Test("Keys are forgotten, the oldest first, and waited for as before")
  func forgotten() {
    let second: Int64 = 1_000_000
    var run = Run(start, bounds: EventOrder.Bounds(keysMax: 10, heldBytesMax: 1 << 20))
    for number in 1...15 {
      let made = Int64(number) * second
      #expect(run.receive(put(made, after: 0, key: "\(number)"), at: number * 1_000) == [made])
    }
    #expect(run.receive(put(16 * second, after: 15 * second, key: "15"), at: 16_000).count == 1)
    // It was forgotten, or is missing: that can no longer be told.
    #expect(run.receive(put(17 * second, after: 2 * second, key: "2"), at: 17_000).isEmpty)
    #expect(run.deadline == 17_050)
    // This one would be remembered.
    #expect(run.receive(put(18 * second, after: 14 * second, key: "x"), at: 18_000).count == 1)
    #expect(run.deadline == 33_000)
  }
}
