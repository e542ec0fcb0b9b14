import KeyValueStore
import Testing

@Suite("Operation ids")
struct OperationIDTests {
  @Test("An id is a UUIDv7 of its time and of random bits")
  func shape() throws {
    var random = SystemRandomNumberGenerator()
    for _ in 1...200 {
      let now = Timestamp(microseconds: 1_645_557_742_000_999)
      let text = OperationID.make(at: now, random: &random).text
      // The time of the example in RFC 9562, appendix A.6.
      #expect(text.hasPrefix("017f22e2-79b0-7"))
      #expect(text.utf8.count == 36)
      #expect("89ab".contains(Array(text)[19]))
      #expect(OperationID(text)?.text == text)
    }
  }

  @Test("All random bits are used, and no other bits change")
  func bits() {
    var zeros = FixedGenerator(value: 0)
    var ones = FixedGenerator(value: .max)
    let now = Timestamp(microseconds: 1_000)
    #expect(
      OperationID.make(at: now, random: &zeros).text.hasPrefix("00000000-0001-7000-8000-00000000"))
    #expect(
      OperationID.make(at: now, random: &ones).text.hasPrefix("00000000-0001-7fff-bfff-ffffffff"))
  }

  @Test("An id tells its time of acceptance, unless a digit of its check was changed")
  func check() throws {
    var random = SystemRandomNumberGenerator()
    let id = OperationID.make(at: Timestamp(microseconds: 1_645_557_742_000_999), random: &random)
    #expect(
      id.acceptedAt(ofAny: [.everybody]) == Timestamp(microseconds: 1_645_557_742_000_000))
    // The check is its last four digits. One in 65,536 changes of other digits is not detected.
    for place in id.text.indices.suffix(4) {
      var text = id.text
      text.replaceSubrange(place...place, with: text[place] == "5" ? "6" : "5")
      #expect(try #require(OperationID(text)).acceptedAt(ofAny: [.everybody]) == nil)
    }
    let foreign = try #require(OperationID("017f22e2-79b0-7cc3-98c4-dc0c0c07398f"))
    #expect(foreign.acceptedAt(ofAny: [.everybody]) == nil)
  }

  @Test("Another owner can't use an id, except in one of 65,536 cases")
  func owners() {
    var random = SystemRandomNumberGenerator()
    let prefixes = ["a/", "b/", "a/b/", "A/", "a", "/a"]
    let owners = prefixes.map { OperationOwner(keyPrefix: Array($0.utf8)) } + [.everybody]
    #expect(Set(owners).count == owners.count)
    var escapes = 0
    for owner in owners {
      for _ in 0..<100 {
        let now = Timestamp(microseconds: 1_645_557_742_000_000)
        let id = OperationID.make(at: now, of: owner, random: &random)
        #expect(id.acceptedAt(ofAny: [owner]) == now)
        #expect(id.acceptedAt(ofAny: owners.reversed()) == now)
        #expect(id.acceptedAt(ofAny: []) == nil)
        if id.acceptedAt(ofAny: owners.filter { $0 != owner }) != nil { escapes += 1 }
      }
    }
    // 4,200 comparisons.
    #expect(escapes < 5)
  }

  @Test("Ids of later milliseconds sort later")
  func ordering() {
    var random = SystemRandomNumberGenerator()
    let texts = (0..<100).map { index in
      OperationID.make(
        at: Timestamp(microseconds: 1_700_000_000_000_000 + index * 1_000), random: &random
      ).text
    }
    #expect(texts == texts.sorted() && Set(texts).count == 100)
  }

  @Test("An id in capitals names the same operation")
  func capitals() {
    let id = OperationID("017F22E2-79B0-7CC3-98C4-DC0C0C07398F")
    #expect(id == OperationID("017f22e2-79b0-7cc3-98c4-dc0c0c07398f") && id != nil)
  }

  @Test(
    "Other spellings are refused",
    arguments: [
      "", "017f22e2", "017f22e279b07cc398c4dc0c0c07398f",
      "017f22e2-79b0-7cc3-98c4-dc0c0c07398", "017f22e2-79b0-7cc3-98c4-dc0c0c07398ff",
      "017f22e2-79b0-7cc3-98c4-dc0c0c07398g", "017f22e2_79b0-7cc3-98c4-dc0c0c07398f",
      "017f22e2-79b0-7cc39-8c4-dc0c0c07398f", "017f22e2-79b0-7cc3-98c4-dc0c0c0739é",
    ])
  func refused(_ text: String) {
    #expect(OperationID(text) == nil)
  }
}

/// Always the same number.
private struct FixedGenerator: RandomNumberGenerator {
  let value: UInt64
  mutating func next() -> UInt64 { value }
}
