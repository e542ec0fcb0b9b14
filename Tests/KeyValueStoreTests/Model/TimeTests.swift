import KeyValueStore
import Testing

@Suite("Times and revisions")
struct TimeTests {
  @Test("A revision grows with the time, and by one when the time does not")
  func revisions() {
    let now = Timestamp(microseconds: 100)
    #expect(Revision.none.next(at: now) == Revision(100))
    #expect(Revision(99).next(at: now) == Revision(100))
    #expect(Revision(100).next(at: now) == Revision(101))
    #expect(Revision(500).next(at: now) == Revision(501))
  }

  @Test("Whole seconds are rounded down, also before 1970")
  func seconds() {
    #expect(Timestamp(microseconds: 1_999_999).seconds == 1)
    #expect(Timestamp(microseconds: 0).seconds == 0)
    #expect(Timestamp(microseconds: -1).seconds == -1)
    #expect(Timestamp(microseconds: -1_000_000).seconds == -1)
    #expect(Timestamp(microseconds: -1_000_001).seconds == -2)
    #expect(Timestamp(microseconds: .min).seconds == -9_223_372_036_855)
    #expect(Timestamp(microseconds: 5).adding(seconds: 2).microseconds == 2_000_005)
  }

  @Test("A write weighs its key, its media type and its value; a batch, its operations")
  func weight() {
    #expect(put("key", "12345").weight == 3 + 10 + 5)
    #expect(delete("key").weight == 3)
    let batch = Batch(
      operations: [.get(key("ab")), .write(put("c", "12")), .write(delete("d"))], isAtomic: true)
    #expect(batch.weight == 2 + 13 + 1)
  }
}
