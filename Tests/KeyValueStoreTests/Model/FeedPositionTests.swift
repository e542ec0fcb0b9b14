import KeyValueStore
import Testing

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

  @Test("The message counts before the place inside it")
  func order() {
    let positions = ["2.0", "1.10", "1.2", "10.0"].compactMap { FeedPosition($0) }
    #expect(positions.sorted().map(\.text) == ["1.2", "1.10", "2.0", "10.0"])
  }
}
