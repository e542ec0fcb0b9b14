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
        latenessMax: .seconds(15), bounds: bounds)
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

  /// A put of the entry that was created at `created`.
  private func put(
    _ revision: Int64, version: Int64, created: Int64 = 1, expires: Int64? = nil, key: String = "k"
  ) -> Change {
    Change(
      key: Key(key), revision: Revision(revision),
      kind: .put(
        Metadata(
          key: Key(key), revision: Revision(revision), version: version, size: 0,
          contentType: "text/plain", createdAt: Timestamp(microseconds: created),
          updatedAt: Timestamp(microseconds: revision),
          expiresAt: expires.map { Timestamp(microseconds: $0) })))
  }

  private func delete(_ revision: Int64, key: String = "k") -> Change {
    Change(key, revision: revision)
  }

  private func expiry(_ revision: Int64) -> Change {
    Change(key: Key("k"), revision: Revision(revision), kind: .expire)
  }

  /// A run in which the put of version 3 and revision 30 has gone out.
  private func begun(expires: Int64? = nil) -> Run {
    var run = Run(start)
    run.receive(put(30, version: 3, expires: expires), at: 0)
    _ = run.pass(50)
    return run
  }

  @Test("The successor of the last change goes out at once")
  func successor() {
    var run = begun()
    #expect(run.out.map(\.change.revision.number) == [30])
    #expect(run.receive(put(40, version: 4), put(50, version: 5), at: 60) == [40, 50])
    #expect(run.deadline == nil && !run.order.isHolding)
  }

  @Test("A change of a key of which nothing is known waits for a moment, and older ones go before")
  func unknown() {
    for newer in [put(20, version: 1, created: 20), put(20, version: 2), delete(20), expiry(20)] {
      var run = Run(start)
      #expect(run.receive(newer, at: 0).isEmpty)
      #expect(run.deadline == 50)
      #expect(run.receive(put(10, version: 1), at: 30).isEmpty)
      #expect(run.pass(49).isEmpty)
      #expect(run.pass(50).first == 10)
      // The put of another creation lacks the end of the first.
      #expect(run.order.isHolding == (newer == put(20, version: 1, created: 20)))
    }
  }

  @Test("A gap in the versions waits for what is missing")
  func gap() {
    var run = begun()
    #expect(run.receive(put(50, version: 5), put(60, version: 6), at: 100).isEmpty)
    #expect(run.deadline == 15_100)
    #expect(run.receive(put(40, version: 4), at: 3_000) == [40, 50, 60])
    #expect(run.deadline == nil && !run.order.isHolding)
  }

  @Test("What never comes is waited for until the limit, and may come later all the same")
  func limit() {
    var run = begun()
    run.receive(put(50, version: 5), at: 100)
    run.receive(put(70, version: 7), at: 10_000)
    #expect(run.pass(15_099).isEmpty)
    #expect(run.pass(15_100) == [50])
    #expect(run.deadline == 25_000)
    #expect(run.receive(put(40, version: 4), at: 16_000) == [40])
    #expect(run.receive(put(60, version: 6), at: 17_000) == [60, 70])
  }

  @Test("A delete waits for a moment, since it does not tell which version it ended")
  func deletes() {
    for end in [delete(50), expiry(50)] {
      var run = begun()
      #expect(run.receive(end, at: 100).isEmpty)
      #expect(run.receive(put(40, version: 4), at: 120) == [40])
      #expect(run.pass(149).isEmpty)
      #expect(run.pass(150) == [50])
      // There may have been another entry in between.
      #expect(run.receive(put(80, version: 1, created: 80), at: 151).isEmpty)
      #expect(run.receive(put(60, version: 1, created: 60), delete(70), at: 160).isEmpty)
      #expect(run.pass(201) == [60, 70, 80])
    }
  }

  @Test("A put that a crash delayed goes out after the delete that followed it")
  func latePut() {
    var run = begun()
    run.receive(delete(50), at: 100)
    #expect(run.pass(150) == [50])
    #expect(run.receive(put(40, version: 4), at: 3_000) == [40])
  }

  @Test("A delete does not overtake a put that waits for others")
  func patientDelete() {
    var run = begun()
    run.receive(put(50, version: 5), at: 100)
    run.receive(delete(60), at: 200)
    #expect(run.pass(1_000).isEmpty)
    #expect(run.receive(put(40, version: 4), at: 2_000) == [40, 50, 60])
  }

  @Test("A new creation waits for the end of the last one, which it has not if that has expired")
  func creation() {
    var run = begun()
    #expect(run.receive(put(50, version: 1, created: 50), at: 100).isEmpty)
    #expect(run.deadline == 15_100)
    // What came first has waited for all that are older.
    #expect(run.receive(delete(40), at: 3_000) == [40, 50])

    run = begun(expires: 45)
    #expect(run.receive(put(50, version: 1, created: 50), at: 100).isEmpty)
    #expect(run.deadline == 150)
    #expect(run.receive(expiry(45), at: 110).isEmpty)
    #expect(run.pass(150) == [45, 50])

    run = begun()
    #expect(run.receive(put(60, version: 2, created: 50), at: 100).isEmpty)
    #expect(run.receive(delete(40), at: 110).isEmpty)
    #expect(run.pass(160) == [40])
    #expect(run.receive(put(50, version: 1, created: 50), at: 200) == [50, 60])
  }

  @Test("A batch may delete and create a key several times at one moment")
  func oneMoment() {
    var run = begun()
    let changes = [
      put(40, version: 4), delete(41), put(42, version: 1, created: 40), delete(43),
      put(44, version: 1, created: 40), put(45, version: 2, created: 40),
    ]
    for change in changes { run.receive(change, at: 100) }
    #expect(run.pass(200).last == 45)
    #expect(run.out.map(\.change) == [run.out[0].change] + changes)
    for change in [changes[3], changes[4], changes[5]] {
      #expect(run.receive(change, at: 300).isEmpty)
    }
    // Not certainly a duplicate.
    #expect(run.receive(changes[0], at: 300) == [40])
  }

  @Test("What was given out already is dropped, also while it waits")
  func duplicates() {
    var run = begun()
    run.receive(put(40, version: 4), at: 60)
    #expect(run.receive(put(40, version: 4), put(30, version: 3), at: 70).isEmpty)
    // Version 2 came before all that is remembered.
    #expect(run.receive(put(20, version: 2), at: 70) == [20])
    run.receive(put(60, version: 6), put(60, version: 6), at: 80)
    #expect(run.receive(put(50, version: 5), at: 90) == [50, 60])
    run.receive(delete(70), delete(70), at: 100)
    #expect(run.pass(150) == [70])
    #expect(run.receive(delete(70), put(60, version: 6), at: 160).isEmpty)
    run.receive(put(80, version: 1, created: 80), at: 170)
    #expect(run.pass(220) == [80])
    #expect(run.receive(delete(70), at: 230).isEmpty)
    #expect(run.deadline == nil)
  }

  @Test("The position goes past a change only once that has gone out")
  func positions() {
    var run = begun()
    run.receive(put(10, version: 1, key: "other"), at: 60)
    _ = run.pass(110)
    #expect(run.positions == ["1.0", "2.0"])
    // Held from 3.1 on.
    run.receive(
      put(40, version: 4), put(60, version: 6), put(20, version: 2, key: "other"), at: 120)
    run.receive(put(30, version: 3, key: "other"), at: 130)
    #expect(run.places == ["1.0", "2.0", "3.0", "3.2", "4.0"])
    #expect(run.positions == ["1.0", "2.0", "3.0", "3.0", "3.0"])
    #expect(run.order.position == FeedPosition(offset: 3, index: 0))
    run.receive(put(50, version: 5), at: 140)
    #expect(run.places.suffix(2) == ["5.0", "3.1"])
    #expect(run.positions.suffix(2) == ["3.0", "5.0"])
    // A duplicate goes past, too.
    run.receive(put(50, version: 5), at: 150)
    #expect(run.order.position == FeedPosition(offset: 6, index: 0))
  }

  @Test("Beyond the bound on what waits the oldest goes out, after what is older of its key")
  func bounded() {
    var run = Run(start, bounds: EventOrder.Bounds(keysMax: 10, heldBytesMax: 4_000))
    run.receive(put(20, version: 2), at: 0)
    run.receive(put(10, version: 1), at: 0)
    var number = 0
    while run.out.isEmpty {
      number += 1
      run.receive(put(1, version: 1, key: "\(number)"), at: 1)
    }
    #expect((5...30).contains(number))
    #expect(run.out.map(\.change.revision.number) == [10, 20])
    #expect(run.pass(51).count == number)
    #expect(!run.order.isHolding && run.deadline == nil)
  }

  @Test("Keys are forgotten, the oldest first, and waited for as before")
  func forgotten() {
    var run = Run(start, bounds: EventOrder.Bounds(keysMax: 10, heldBytesMax: 1 << 20))
    for number in 1...10 { run.receive(put(1, version: 1, key: "\(number)"), at: 0) }
    #expect(run.pass(50).count == 10)
    #expect(run.receive(put(2, version: 2, key: "10"), at: 60) == [2])
    #expect(run.receive(put(2, version: 2, key: "1"), at: 60).isEmpty)
    #expect(run.pass(110) == [2])
  }
}
