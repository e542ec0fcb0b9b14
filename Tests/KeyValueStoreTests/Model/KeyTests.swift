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
    // U+0080 to U+009F are not among those that the contract names.
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

  @Test("UTF-8 of every length is accepted and comes back")
  func utf8() throws {
    for text in ["a/b", "é", "€", "𝄞", "//..%2F+", "\u{10FFFF}"] {
      #expect(try Key(validating: Array(text.utf8)).text == text)
    }
  }

  @Test("Keys are in byte order, not in that of characters")
  func order() {
    let keys = ["a", "B", "é", "a/b", "aa", "\u{10000}", "\u{FFFD}"].map { key($0) }
    #expect(keys.sorted().map(\.text) == ["B", "a", "a/b", "aa", "é", "\u{FFFD}", "\u{10000}"])
    // The same character in two spellings is two keys.
    #expect(key("\u{E9}") != key("e\u{301}"))
  }

  @Test("Equal keys hash alike, and keys of any length are told apart")
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
