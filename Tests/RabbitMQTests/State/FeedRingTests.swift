import KeyValueStore
import Testing

@testable import RabbitMQ

@Suite("The end of the stream is kept in memory")
final class FeedRingTests {
  private var ring = FeedRing(bytesMax: 1 << 20)

  private func message(_ offset: Int64, _ key: String = "k") -> StreamMessage {
    StreamMessage(
      offset: offset, body: PendingChanges.pack([Change(key)], settling: nil)[0].body)
  }

  private func receive(_ message: StreamMessage) -> FeedRing.Arrival { ring.receive(message) }

  @Test("Messages follow each other, but for one offset that RabbitMQ keeps for itself")
  func order() {
    #expect(!ring.covers(0) && !ring.covers(.max))
    #expect(receive(message(5)) == .appended)
    #expect(receive(message(6)) == .appended)
    #expect(receive(message(8)) == .appended)
    #expect(ring[7]?.content.changes == [])
    #expect(ring[8] == message(8))
    #expect(ring[4] == nil && ring[9] == nil)
    #expect(!ring.covers(4) && ring.covers(5) && ring.covers(9))
  }

  @Test("More missing offsets are a gap: what was before it is forgotten")
  func gap() {
    #expect(receive(message(5)) == .appended)
    #expect(receive(message(8)) == .gap)
    #expect(ring.firstOffset == 8 && ring.lastOffset == 8)
  }

  @Test("A message that comes again is known, and another one in its place is another stream")
  func again() {
    #expect(receive(message(5, "a")) == .appended)
    #expect(receive(message(6, "b")) == .appended)
    #expect(receive(message(5, "a")) == .known)
    #expect(receive(message(6, "b")) == .known)
    #expect(ring.lastOffset == 6)
    #expect(receive(message(6, "c")) == .restarted)
    #expect(receive(message(0, "a")) == .restarted)
    #expect(ring.firstOffset == 0 && ring.lastOffset == 0)
  }

  @Test("It keeps no more bytes than it may, but always the newest message")
  func bounds() {
    ring = FeedRing(bytesMax: 1_000)
    for offset in 0..<100 { _ = receive(message(Int64(offset))) }
    #expect(ring.lastOffset == 99)
    #expect((ring.firstOffset ?? 0) > 90)
    ring = FeedRing(bytesMax: 0)
    for offset in 0..<3 { _ = receive(message(Int64(offset))) }
    #expect(ring.firstOffset == 2 && ring.lastOffset == 2)
  }
}
