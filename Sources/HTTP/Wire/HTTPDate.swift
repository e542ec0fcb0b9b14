import Basics

/// Dates in the formats of HTTP (RFC 9110 §5.6.7), as seconds after 1970-01-01T00:00:00Z.
public enum HTTPDate {
  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  /// Appends a date as `Sun, 06 Nov 1994 08:49:37 GMT` (IMF-fixdate). Years have four digits, as in
  /// `CivilTime`.
  public static func append(seconds: Int64, to output: inout [UInt8]) {
    let time = CivilTime(secondsSinceEpoch: seconds)
    // At once: most answers have two dates, and each part would check the array's room and owner.
    output.append(addingCapacity: 29) { text in
      text.append(letters: "SunMonTueWedThuFriSat", time.weekday)
      text.append(.comma)
      text.append(.space)
      text.append(twoDigits: time.day)
      text.append(.space)
      text.append(letters: "JanFebMarAprMayJunJulAugSepOctNovDec", time.month - 1)
      text.append(.space)
      text.append(twoDigits: time.year / 100)
      text.append(twoDigits: time.year)
      text.append(.space)
      text.append(twoDigits: time.hour)
      text.append(.colon)
      text.append(twoDigits: time.minute)
      text.append(.colon)
      text.append(twoDigits: time.second)
      text.append(.space)
      text.append(letters: "GMT", 0)
    }
  }

  /// Parses a date in any of the three formats that a recipient must accept; nil if it is none.
  ///
  /// A year of two digits is the latest year with these digits that is at most 50 years after
  /// `now`.
  public static func seconds(_ field: ArraySlice<UInt8>, now: Int64) -> Int64? {
    let words = field.split { $0 == .space || $0 == .comma || $0 == UInt8(ascii: "-") }
    switch words.count {
    case 6:
      // `Sun, 06 Nov 1994 08:49:37 GMT`, or the format of RFC 850: `Sunday, 06-Nov-94 08:49:37
      // GMT`.
      guard words[5].elementsEqual("GMT".utf8), let number = number(words[3]) else { return nil }
      let year = words[3].count == 2 ? century(of: number, now: now) : number
      guard words[3].count == 2 || words[3].count == 4 else { return nil }
      return seconds(year: year, month: words[2], day: words[1], time: words[4])
    case 5:
      // The format of asctime: `Sun Nov  6 08:49:37 1994`.
      guard words[4].count == 4, let year = number(words[4]) else { return nil }
      return seconds(year: year, month: words[1], day: words[2], time: words[3])
    default: return nil
    }
  }

  private static func seconds(
    year: Int64, month: ArraySlice<UInt8>, day: ArraySlice<UInt8>, time: ArraySlice<UInt8>
  ) -> Int64? {
    let parts = time.split(separator: .colon, omittingEmptySubsequences: false)
    guard let month = months.firstIndex(where: { month.elementsEqual($0.utf8) }),
      day.count <= 2, let day = number(day), parts.count == 3, parts.allSatisfy({ $0.count == 2 }),
      let hour = number(parts[0]), let minute = number(parts[1]), let second = number(parts[2]),
      hour < 24, minute < 60, second <= 60,
      let days = CivilTime.daysSinceEpoch(year: year, month: Int64(month) + 1, day: day)
    else { return nil }
    return days * 86_400 + hour * 3_600 + minute * 60 + second
  }

  private static func century(of year: Int64, now: Int64) -> Int64 {
    let latest = CivilTime(secondsSinceEpoch: now).year + 50
    let candidate = latest / 100 * 100 + year
    return candidate > latest ? candidate - 100 : candidate
  }

  private static func number(_ digits: ArraySlice<UInt8>) -> Int64? {
    guard !digits.isEmpty, digits.count <= 4 else { return nil }
    var value: Int64 = 0
    for byte in digits {
      guard let digit = byte.decimalDigit else { return nil }
      value = value * 10 + Int64(digit)
    }
    return value
  }
}

extension OutputSpan<UInt8> {
  /// Appends the three letters at `index` of `names`, which are written without separators.
  fileprivate mutating func append(letters names: StaticString, _ index: Int64) {
    let start = names.utf8Start + Int(index) * 3
    for place in 0..<3 { append(start[place]) }
  }

  /// Appends the last two digits of a number that is not negative.
  fileprivate mutating func append(twoDigits value: Int64) {
    append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value / 10 % 10))
    append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value % 10))
  }
}
