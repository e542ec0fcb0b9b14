import KeyValueStore
import Testing

@Suite("Keys")
struct KeyTests {
  @Test("A key of 1,024 bytes is accepted, one of 1,025 is not")
  func length() throws {
    #expect(try Key(validating: Array(repeating: 0x61, count: 1)).bytes.count == 1)
    #expect(try Key(validating: Array(repeating: 0x61, count: 1_024)).bytes.count == 1_024)
    #expect(throws: Key.Invalid.tooLong) {
      try Key(validating: Array(repeating: 0x61, count: 1_025))
    }
    #expect(throws: Key.Invalid.empty) { try Key(validating: []) }
  }

  @Test("Control characters are refused, wherever they stand")
  func controls() throws {
    for byte in Array(UInt8(0)...0x1F) + [0x7F] {
      for bytes in [[byte], [0x61, byte], [byte, 0x61], [0xC3, 0xA9, byte]] {
        #expect(throws: Key.Invalid.controlCharacter) { try Key(validating: bytes) }
      }
    }
    #expect(try Key(validating: [0x20]).text == " ")
    #expect(try Key(validating: [0x7E]).text == "~")
    // U+0080 to U+009F are valid.
    #expect(try Key(validating: [0xC2, 0x80]).text == "\u{80}")
  }

  @Test(
    "Bytes that are not UTF-8 are refused",
    arguments: [
      [0x80], [0xC3], [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80],
      [0xE2, 0x82], [0x61, 0xFF], [0xF8, 0x88, 0x80, 0x80, 0x80],
    ] as [[UInt8]])
  func notUTF8(_ bytes: [UInt8]) {
    #expect(throws: Key.Invalid.notUTF8) { try Key(validating: bytes) }
  }

  @Test("UTF-8 of every length is accepted and unchanged")
  func utf8() throws {
    for text in ["a/b", "é", "€", "𝄞", "//..%2F+", "\u{10FFFF}"] {
      #expect(try Key(validating: Array(text.utf8)).text == text)
    }
  }

  @Test("Keys are in byte order, not in that of characters")
  func order() {
    let keys = ["a", "B", "é", "a/b", "aa", "\u{10000}", "\u{FFFD}"].map { key($0) }
    #expect(keys.sorted().map(\.text) == ["B", "a", "a/b", "aa", "é", "\u{FFFD}", "\u{10000}"])
    // Two spellings of one character are two keys.
    #expect(key("\u{E9}") != key("e\u{301}"))
  }

  @Test("Equal keys have equal hashes, and keys of any length have different ones")
  func hashing() {
    var seen: Set<Key> = []
    for count in 1...64 {
      for byte in [0x61, 0x62] as [UInt8] {
        var bytes = [UInt8](repeating: 0x61, count: count)
        bytes[count - 1] = byte
        #expect(seen.insert(Key(trusted: bytes)).inserted)
        #expect(seen.contains(Key(trusted: bytes)))
        #expect(Key(trusted: bytes).hashValue == Key(trusted: bytes).hashValue)
      }
    }
    let hashes = Set(seen.map(\.hashValue))
    #expect(hashes.count == seen.count)
  }
}

@Suite("Conditions")
struct ConditionTests {
  let five = Revision(5)

  @Test("If-Match holds for an entry that it names")
  func ifMatch() {
    #expect(Condition(ifMatch: .any).holds(for: five))
    #expect(!Condition(ifMatch: .any).holds(for: nil))
    #expect(Condition(ifMatch: .revisions([Revision(4), five])).holds(for: five))
    #expect(!Condition(ifMatch: .revisions([Revision(4)])).holds(for: five))
    #expect(!Condition(ifMatch: .revisions([five])).holds(for: nil))
    #expect(!Condition(ifMatch: .revisions([])).holds(for: five))
  }

  @Test("If-None-Match holds for a key without an entry that it names")
  func ifNoneMatch() {
    #expect(Condition(ifNoneMatch: .any).holds(for: nil))
    #expect(!Condition(ifNoneMatch: .any).holds(for: five))
    #expect(!Condition(ifNoneMatch: .revisions([five])).holds(for: five))
    #expect(Condition(ifNoneMatch: .revisions([Revision(4)])).holds(for: five))
    #expect(Condition(ifNoneMatch: .revisions([five])).holds(for: nil))
    #expect(Condition(ifNoneMatch: .revisions([])).holds(for: five))
  }

  @Test("Both must be true, and an empty condition is always true")
  func both() {
    let condition = Condition(
      ifMatch: .revisions([five, Revision(6)]), ifNoneMatch: .revisions([Revision(6)]))
    #expect(condition.holds(for: five))
    #expect(!condition.holds(for: Revision(6)))
    #expect(!condition.isEmpty && Condition.none.isEmpty)
    #expect(Condition.none.holds(for: nil) && Condition.none.holds(for: five))
  }
}

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
    #expect(patch("key", Patch()).weight == 3)
    #expect(patch("key", Patch(amount: 1, contentType: "a/b")).weight == 3 + 3 + 20)
    let batch = Batch(
      operations: [.get(key("ab")), .write(put("c", "12")), .write(delete("d"))], isAtomic: true)
    #expect(batch.weight == 2 + 13 + 1)
  }
}

@Suite("Integers in values")
struct ValueTextTests {
  @Test(
    "An integer has one text",
    arguments: [
      0, 1, -1, 9, 10, -10, 1_000_000, .max, .max - 1, .min, .min + 1, 999_999_999_999_999_999,
    ] as [Int64])
  func roundTrip(_ number: Int64) {
    #expect(Int64(valueText: number.valueText) == number)
    #expect(number.valueText == Array("\(number)".utf8))
    #expect(number.valueText.count <= Int64.textBytesMax)
  }

  @Test(
    "No other text is an integer",
    arguments: [
      "", "-", "+1", "-0", "00", "01", "-01", " 1", "1 ", "1\n", "1.0", "1e3", "a", "1a", "0x1",
      "9223372036854775808", "-9223372036854775809", "92233720368547758070", "1_000", "\0", "1\0",
      "18446744073709551616", "18446744073709551617", "١",
    ])
  func refused(_ text: String) {
    #expect(Int64(valueText: Array(text.utf8)) == nil)
  }
}

@Suite("Positions in the feed")
struct FeedPositionTests {
  @Test("A position is read as it is spelt", arguments: ["0.0", "12.3", "9223372036854775807.42"])
  func roundTrip(_ text: String) {
    #expect(FeedPosition(text)?.text == text)
  }

  @Test(
    "Other spellings are refused",
    arguments: [
      "", ".", "1", "1.", ".1", "1.2.3", "-1.0", "0.-1", "+1.0", "1.+0", "01.0", "1.00", "-0.0",
      " 1.0", "1.0 ", "a.b", "1,0", "9223372036854775808.0",
    ])
  func refused(_ text: String) {
    #expect(FeedPosition(text) == nil)
  }

  @Test("Positions are ordered by the message, then by the place inside it")
  func order() {
    let positions = ["2.0", "1.10", "1.2", "10.0"].compactMap { FeedPosition($0) }
    #expect(positions.sorted().map(\.text) == ["1.2", "1.10", "2.0", "10.0"])
  }
}
