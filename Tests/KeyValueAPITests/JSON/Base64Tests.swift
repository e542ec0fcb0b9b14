import Testing

@testable import KeyValueAPI

@Suite("Base64 is what RFC 4648 says, and nothing else is accepted")
struct Base64Tests {
  @Test(
    "The vectors of RFC 4648, section 10",
    arguments: [
      ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
      ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
    ])
  func vectors(_ bytes: String, _ text: String) {
    var encoded: [UInt8] = []
    Base64.append(Array(bytes.utf8), to: &encoded)
    #expect(String(decoding: encoded, as: UTF8.self) == text)
    #expect(Base64.decode(Array(text.utf8)) == Array(bytes.utf8))
  }

  @Test("All bytes in all positions come back")
  func roundTrip() {
    for shift in 0..<4 {
      let bytes = [UInt8](repeating: 0xFF, count: shift) + Array(0...255)
      var text: [UInt8] = []
      Base64.append(bytes, to: &text)
      #expect(Base64.decode(text) == bytes)
    }
  }

  @Test(
    "What is not exactly Base64 is refused",
    arguments: [
      "Z", "Zg", "Zg=", "Zg===", "Z===", "====", "=", "Zm9v=", "Zm8", "Zh==", "Zm9=", "Zm9v\n",
      "Zm 9v===", "Zm-_", "Zm9vZg==Zg==", "Z=g=", "Zg=a",
    ])
  func malformed(_ text: String) {
    #expect(Base64.decode(Array(text.utf8)) == nil)
  }
}
