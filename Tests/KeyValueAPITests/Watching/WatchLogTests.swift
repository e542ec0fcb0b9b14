import KeyValueStore
import Testing

@testable import KeyValueAPI

@Suite("The last events, as text and in the log")
struct WatchLogTests {
  private func position(_ offset: Int64, _ index: Int = 0) -> FeedPosition {
    FeedPosition(offset: offset, index: index)
  }

  private func event(
    _ offset: Int64, _ index: Int = 0, key: String = "k", kind: Change.Kind = .delete,
    resuming: FeedPosition? = nil
  ) -> WatchEvent {
    WatchEvent(
      FeedEvent(
        position: resuming ?? position(offset, index), place: position(offset, index),
        change: Change(key: Key(trusted: Array(key.utf8)), revision: Revision(7), kind: kind)))
  }

  @Test("It knows its positions, and gives what follows them")
  func positions() {
    var log = WatchLog(after: position(3))
    #expect(log.end == position(3))
    #expect(log.contains(position(3)) && !log.contains(position(4)) && !log.contains(position(2)))
    #expect(log.events(after: position(3))?.isEmpty == true)
    for (offset, index) in [(5, 0), (5, 1), (7, 0), (9, 4)] {
      log.append(event(Int64(offset), index))
    }
    #expect(log.end == position(9, 4))
    for (offset, index, count) in [(3, 0, 4), (5, 0, 3), (5, 1, 2), (6, 3, 2), (9, 4, 0)] {
      #expect(log.events(after: position(Int64(offset), index))?.count == count)
    }
    #expect(log.contains(position(5, 1)) && log.contains(position(9, 4)))
    #expect(!log.contains(position(5, 2)) && !log.contains(position(6)))
    #expect(!log.contains(position(10)))
    // Those who are ahead of it miss nothing.
    #expect(log.events(after: position(11))?.isEmpty == true)
    #expect(log.events(after: position(2, 9)) == nil)
  }

  @Test("What it drops is no longer covered")
  func bounds() {
    var log = WatchLog(after: position(0), countMax: 3)
    for offset in 1...5 { log.append(event(Int64(offset))) }
    #expect(log.start == position(2))
    #expect(log.events(after: position(1)) == nil)
    #expect(log.events(after: position(2))?.map(\.position.offset) == [3, 4, 5])
    #expect(log.contains(position(2)) && !log.contains(position(1)))
  }

  @Test("Events that were held back come after all positions before their place")
  func held() {
    var log = WatchLog(after: position(3), countMax: 4)
    log.append(event(4))
    log.append(event(6, resuming: position(4)))
    log.append(event(7, resuming: position(4)))
    #expect(log.end == position(4))
    #expect(log.had.contains(position(4)) && !log.had.contains(position(5)))
    #expect(log.had.contains(position(6)) && log.had.contains(position(7)))
    log.append(event(5, resuming: position(7)))
    #expect(log.end == position(7))
    func places(after offset: Int64) -> [Int64]? {
      log.events(after: position(offset))?.map(\.place.offset)
    }
    #expect(places(after: 3) == [4, 6, 7, 5])
    #expect(places(after: 4) == [6, 7, 5])
    #expect(places(after: 5) == [6, 7])
    #expect(places(after: 6) == [7])
    #expect(places(after: 7) == [])
    for offset in 3...7 { #expect(log.contains(position(Int64(offset)))) }
    #expect(!log.contains(position(8)))
    log.append(event(8))
    log.append(event(9))
    // The event at 6 is gone.
    #expect(log.start == position(6))
    #expect(places(after: 5) == nil && !log.contains(position(5)))
    #expect(places(after: 6) == [7, 8, 9])
  }

  @Test("An event is three lines, whatever is in its key")
  func text() {
    let text = String(decoding: event(12, 3, key: "a\"\\é/%\u{2028}").text, as: UTF8.self)
    #expect(
      text == """
        id: 12.3
        event: delete
        data: {"key":"a\\"\\\\é/%\u{2028}","revision":7}


        """)
    #expect(
      String(decoding: event(0, kind: .expire).text, as: UTF8.self).contains("event: expire\n"))
  }

  @Test("A put has its metadata, and its value as lists have it")
  func values() throws {
    let metadata = Metadata(
      key: Key(trusted: [0x6B]), revision: Revision(7), version: 2, size: 5,
      contentType: "text/plain", createdAt: Timestamp(microseconds: 0),
      updatedAt: Timestamp(microseconds: 1), expiresAt: nil)
    let put = event(1, kind: .put(metadata))
    func data(_ text: [UInt8]) throws -> JSONValue {
      let line = try #require(
        String(decoding: text, as: UTF8.self).split(separator: "\n").last?.dropFirst("data: ".count)
      )
      return try #require(try? JSONDocument(parsing: Array(line.utf8))).root
    }
    #expect(try data(put.text)["size"]?.integer == 5)
    #expect(try data(put.text)["value"] == nil)
    #expect(try data(put.makeText(value: Array("a\nb\r\n".utf8)))["value"]?.string == "a\nb\r\n")
    #expect(try data(put.makeText(value: [0xFF]))["value_base64"]?.string == "/w==")
  }
}
