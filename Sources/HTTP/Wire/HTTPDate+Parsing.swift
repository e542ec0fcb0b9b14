import Basics

extension HTTPDate {
  /// The seconds after 1970-01-01T00:00:00Z of a date in any of the three formats that have to be
  /// read (RFC 9110 §5.6.7); nil if it is none.
  ///
  /// A year of two digits is the latest with these that is at most 50 years ahead of `now`.
  public static func seconds(_ field: ArraySlice<UInt8>, now: Int64) -> Int64? {
    let words = field.split { $0 == .space || $0 == .comma || $0 == UInt8(ascii: "-") }
    switch words.count {
    case 6:
      // `Sun, 06 Nov 1994 08:49:37 GMT`, or that of RFC 850: `Sunday, 06-Nov-94 08:49:37 GMT`.
      guard words[5].elementsEqual("GMT".utf8), let number = number(words[3]) else { return nil }
      let year = words[3].count == 2 ? century(of: number, now: now) : number
      guard words[3].count == 2 || words[3].count == 4 else { return nil }
      return seconds(year: year, month: words[2], day: words[1], time: words[4])
    case 5:
      // That of asctime: `Sun Nov  6 08:49:37 1994`.
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
      hour < 24, minute < 60, second <= 60
    else { return nil }
    let days = daysSinceEpoch(year: year, month: Int64(month) + 1, day: day)
    // The 31st of a shorter month would be a day of the next.
    guard civil(daysSinceEpoch: days) == (year, Int64(month) + 1, day) else { return nil }
    return days * 86_400 + hour * 3_600 + minute * 60 + second
  }

  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  private static func century(of year: Int64, now: Int64) -> Int64 {
    let latest = civil(daysSinceEpoch: now / 86_400).year + 50
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

  /// The inverse of `civil` (Hinnant, `days_from_civil`).
  private static func daysSinceEpoch(year: Int64, month: Int64, day: Int64) -> Int64 {
    let shifted = month <= 2 ? year - 1 : year
    let era = (shifted >= 0 ? shifted : shifted - 399) / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 719_468
  }
}
