import Basics

/// Dates as HTTP writes them: `Sun, 06 Nov 1994 08:49:37 GMT` (IMF-fixdate, RFC 9110 §5.6.7).
public enum HTTPDate {
  /// The length of every date, in bytes.
  public static let byteCount = 29

  /// Appends the date that is so many seconds after 1970-01-01T00:00:00Z.
  ///
  /// Years have four digits: dates before the year 0 or behind 9999 are written as its first or
  /// last second.
  public static func append(seconds: Int64, to output: inout [UInt8]) {
    let seconds = min(max(seconds, -62_167_219_200), 253_402_300_799)
    let days = seconds.flooring(by: 86_400)
    let secondOfDay = seconds - days * 86_400
    let (year, month, day) = civil(daysSinceEpoch: days)
    // 1970-01-01 was a Thursday.
    let weekday = (days + 4) - (days + 4).flooring(by: 7) * 7
    output.append(letters: "SunMonTueWedThuFriSat", weekday)
    output.append(", ")
    output.append(twoDigits: day)
    output.append(.space)
    output.append(letters: "JanFebMarAprMayJunJulAugSepOctNovDec", month - 1)
    output.append(.space)
    output.append(twoDigits: year / 100)
    output.append(twoDigits: year % 100)
    output.append(.space)
    output.append(twoDigits: secondOfDay / 3_600)
    output.append(.colon)
    output.append(twoDigits: secondOfDay / 60 % 60)
    output.append(.colon)
    output.append(twoDigits: secondOfDay % 60)
    output.append(" GMT")
  }

  /// Year, month (1 to 12) and day of the month in the Gregorian calendar.
  ///
  /// Counts in eras of 400 years, 146,097 days each, whose years start on the first of March: so
  /// the leap day is a year's last one, and the months' lengths follow a straight line (Howard
  /// Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`).
  public static func civil(daysSinceEpoch days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = days + 719_468
    let era = shifted.flooring(by: 146_097)
    let dayOfEra = shifted - era * 146_097
    let yearOfEra =
      (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
  }
}

extension Int64 {
  /// The quotient by a positive divisor, rounded down.
  fileprivate func flooring(by divisor: Int64) -> Int64 {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? quotient - 1 : quotient
  }
}

extension [UInt8] {
  fileprivate mutating func append(twoDigits value: Int64) {
    append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value / 10))
    append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value % 10))
  }

  /// Appends the `index`th of the three-letter names that `names` strings together.
  fileprivate mutating func append(letters names: StaticString, _ index: Int64) {
    let start = Int(index) * 3
    names.withUTF8Buffer { append(contentsOf: $0[start..<start + 3]) }
  }
}
