import Basics
import TestSupport
import Testing

@testable import HTTP

@Suite("Dates")
struct HTTPDateTests {
  private func text(_ seconds: Int64) -> String {
    var bytes: [UInt8] = []
    HTTPDate.append(seconds: seconds, to: &bytes)
    #expect(bytes.count == 29)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// From `date -u -R -d @<seconds>` of GNU coreutils.
  static let known: [(Int64, String)] = [
    (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
    (-1, "Wed, 31 Dec 1969 23:59:59 GMT"),
    (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
    (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"),
    (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
    (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
    (1_709_164_800, "Thu, 29 Feb 2024 00:00:00 GMT"),
    (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 GMT"),
    (1_740_787_200, "Sat, 01 Mar 2025 00:00:00 GMT"),
    (2_147_483_647, "Tue, 19 Jan 2038 03:14:07 GMT"),
    (2_147_483_648, "Tue, 19 Jan 2038 03:14:08 GMT"),
    (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
    (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
    (-2_203_891_200, "Thu, 01 Mar 1900 00:00:00 GMT"),
    (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
    (-62_167_219_200, "Sat, 01 Jan 0000 00:00:00 GMT"),
  ]

  @Test("Known moments are written as date(1) writes them", arguments: known)
  func knownDates(seconds: Int64, expected: String) {
    #expect(text(seconds) == expected)
  }

  @Test("Moments outside four-digit years are written as the first or last of them")
  func outside() {
    #expect(text(253_402_300_800) == text(253_402_300_799))
    #expect(text(.max) == text(253_402_300_799))
    #expect(text(-62_167_219_201) == text(-62_167_219_200))
    #expect(text(.min) == text(-62_167_219_200))
  }

  @Test(
    "A date is read in each of its three formats",
    arguments: [
      "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
    ])
  func formats(text: String) {
    #expect(HTTPDate.seconds(Array(text.utf8)[...], now: 1_700_000_000) == 784_111_777)
  }

  @Test("A date that was written is read again")
  func roundTrip() {
    var generator = SeededGenerator(seed: 7)
    for _ in 0..<1_000 {
      let seconds = Int64.random(in: 0..<250_000_000_000, using: &generator)
      var text: [UInt8] = []
      HTTPDate.append(seconds: seconds, to: &text)
      #expect(HTTPDate.seconds(text[...], now: 0) == seconds)
    }
  }

  @Test("A year of two digits is at most 50 years ahead")
  func twoDigits() {
    let now: Int64 = 1_767_225_600  // 2026-01-01
    func year(_ digits: String) -> Int64? {
      let text = "Monday, 01-Jan-\(digits) 00:00:00 GMT"
      return HTTPDate.seconds(Array(text.utf8)[...], now: now)
        .map { CivilTime(secondsSinceEpoch: $0).year }
    }
    #expect(year("76") == 2076)
    #expect(year("77") == 1977)
    #expect(year("26") == 2026)
  }

  @Test(
    "A text that is no date is refused",
    arguments: [
      "", "yesterday", "Sun, 06 Nov 1994", "Sun, 06 Nov 1994 08:49:37",
      "Sun, 06 Nov 1994 8:49:37 GMT",
      "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 31 Feb 1994 08:49:37 GMT",
      "Sun, 06 Nov 994 08:49:37 GMT",
      "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:60:00 GMT",
      "Sun, 00 Nov 1994 08:49:37 GMT",
      "Sun, 06 nov 1994 08:49:37 GMT", "Sun Nov 6 08:49:37 94", "1994-11-06T08:49:37Z",
    ])
  func noDates(text: String) {
    #expect(HTTPDate.seconds(Array(text.utf8)[...], now: 0) == nil)
  }
}
