import Basics
import Foundation
import Testing

@Suite("The calendar")
struct CivilTimeTests {
  @Test("Every day of 400 years follows the one before it, and comes back")
  func everyDay() throws {
    var (year, month, day, weekday) = (Int64(1970), Int64(1), Int64(1), Int64(4))
    for days in Int64(0)..<146_097 {
      let time = CivilTime(secondsSinceEpoch: days * 86_400)
      guard
        (time.year, time.month, time.day, time.weekday) == (year, month, day, weekday),
        CivilTime.daysSinceEpoch(year: year, month: month, day: day) == days
      else {
        Issue.record("\(time) instead of \(year)-\(month)-\(day)")
        return
      }
      let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
      let lengths: [Int64] = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
      (day, weekday) = (day + 1, (weekday + 1) % 7)
      if day > lengths[Int(month) - 1] { (day, month) = (1, month + 1) }
      if month > 12 { (month, year) = (1, year + 1) }
    }
  }

  @Test(
    "A moment has the date and time that Foundation gives it",
    arguments: [
      0, -1, 1, 86_399, 86_400, -86_400, -86_401, 951_782_399, 951_782_400, 951_868_800,
      4_107_542_399, 4_107_542_400, 1_750_000_000, -2_203_891_200, 253_402_300_799,
    ] as [Int64])
  func foundation(_ seconds: Int64) throws {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = try #require(TimeZone(secondsFromGMT: 0))
    let parts = calendar.dateComponents(
      [.year, .month, .day, .hour, .minute, .second, .weekday],
      from: Date(timeIntervalSince1970: Double(seconds)))
    let time = CivilTime(secondsSinceEpoch: seconds)
    #expect(
      [time.year, time.month, time.day, time.hour, time.minute, time.second, time.weekday + 1]
        == [
          parts.year, parts.month, parts.day, parts.hour, parts.minute, parts.second,
          parts.weekday,
        ].map { Int64($0 ?? -1) })
  }

  @Test("A moment outside of four-digit years is the first or last one inside")
  func outside() {
    let last = CivilTime(secondsSinceEpoch: 253_402_300_799)
    #expect((last.year, last.month, last.day) == (9_999, 12, 31))
    #expect((last.hour, last.minute, last.second) == (23, 59, 59))
    #expect(CivilTime(secondsSinceEpoch: 253_402_300_800) == last)
    #expect(CivilTime(secondsSinceEpoch: .max) == last)
    let first = CivilTime(secondsSinceEpoch: -62_167_219_200)
    #expect((first.year, first.month, first.day) == (0, 1, 1))
    #expect((first.hour, first.minute, first.second) == (0, 0, 0))
    #expect(CivilTime(secondsSinceEpoch: -62_167_219_201) == first)
    #expect(CivilTime(secondsSinceEpoch: .min) == first)
  }

  @Test("The first and the last day of four-digit years have their place")
  func edges() {
    #expect(CivilTime.daysSinceEpoch(year: 0, month: 1, day: 1) == -719_528)
    #expect(CivilTime.daysSinceEpoch(year: 9_999, month: 12, day: 31) == 2_932_896)
    #expect(CivilTime.daysSinceEpoch(year: 2_000, month: 2, day: 29) == 11_016)
  }

  @Test(
    "A date that is not in the calendar has no place",
    arguments: [
      (2_023, 2, 29), (1_900, 2, 29), (2_024, 2, 30), (2_024, 4, 31), (2_024, 6, 31),
      (2_024, 0, 1), (2_024, 13, 1), (2_024, 1, 0), (2_024, 1, 32), (-1, 1, 1), (10_000, 1, 1),
      (.max, 1, 1), (2_024, .min, 1), (2_024, 1, .max),
    ] as [(Int64, Int64, Int64)])
  func noDate(_ year: Int64, _ month: Int64, _ day: Int64) {
    #expect(CivilTime.daysSinceEpoch(year: year, month: month, day: day) == nil)
  }
}

@Suite("Times as text (RFC 3339)")
struct RFC3339Tests {
  private func text(_ microseconds: Int64) -> String {
    var bytes: [UInt8] = []
    bytes.append(rfc3339: microseconds)
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test(
    "A time has six digits of a second and is in UTC, from the first year to the last",
    arguments: [
      (0, "1970-01-01T00:00:00.000000Z"), (1, "1970-01-01T00:00:00.000001Z"),
      (-1, "1969-12-31T23:59:59.999999Z"), (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"),
      (4_107_542_399_999_999, "2100-02-28T23:59:59.999999Z"),
      (4_107_542_400_000_000, "2100-03-01T00:00:00.000000Z"),
      (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
      (253_402_300_800_000_000, "9999-12-31T23:59:59.999999Z"),
      (-62_167_219_200_000_000, "0000-01-01T00:00:00.000000Z"),
      (-62_167_219_200_000_001, "0000-01-01T00:00:00.000000Z"),
      (.max, "9999-12-31T23:59:59.999999Z"), (.min, "0000-01-01T00:00:00.000000Z"),
    ] as [(Int64, String)])
  func edges(_ microseconds: Int64, _ expected: String) {
    #expect(text(microseconds) == expected)
  }

  @Test(
    "Foundation reads a time as it was written",
    arguments: [
      0, 1, 999_999, 951_782_399_000_000, 951_782_400_000_000, 951_868_800_000_000,
      1_750_000_000_123_456, 4_102_444_800_000_000, 4_107_542_400_000_000, -1, -86_400_000_001,
    ] as [Int64])
  func foundation(_ microseconds: Int64) throws {
    let parts = text(microseconds).split(separator: ".")
    let fraction = try #require(Int64(parts[1].dropLast()))
    let date = try #require(ISO8601DateFormatter().date(from: parts[0] + "Z"))
    #expect(Int64(date.timeIntervalSince1970) * 1_000_000 + fraction == microseconds)
  }

  @Test("Texts sort as times do")
  func order() {
    let times: [Int64] = [
      .min, -1_000_000_000_001, -1, 0, 1, 999_999, 1_000_000, 1_750_000_000_123_456, .max,
    ]
    #expect(times.map(text) == times.map(text).sorted())
  }

  @Test("The clock of this machine shows the time that Foundation shows")
  func systemTime() {
    let before = Int64(Date().timeIntervalSince1970 * 1e6)
    let now = SystemTime.microseconds()
    let after = Int64(Date().timeIntervalSince1970 * 1e6)
    // A Double has no room for each microsecond.
    #expect((before - 2...after + 2).contains(now))
  }
}
