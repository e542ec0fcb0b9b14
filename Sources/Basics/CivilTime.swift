#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// A point in time as a calendar and a clock in UTC show it.
package struct CivilTime: Equatable, Sendable {
  package let year: Int64
  /// 1 to 12.
  package let month: Int64
  /// 1 to 31.
  package let day: Int64
  package let hour: Int64
  package let minute: Int64
  package let second: Int64
  /// 0 is Sunday.
  package let weekday: Int64

  /// Years have four digits: a time before the year 0 becomes the first second of that year, a time
  /// after 9999 the last second of that one.
  package init(secondsSinceEpoch seconds: Int64) {
    let seconds = min(max(seconds, -62_167_219_200), 253_402_300_799)
    let days = seconds.flooring(by: 86_400)
    let secondOfDay = seconds - days * 86_400
    (year, month, day) = CivilTime.date(daysSinceEpoch: days)
    hour = secondOfDay / 3_600
    minute = secondOfDay / 60 % 60
    second = secondOfDay % 60
    // 1970-01-01 was a Thursday.
    weekday = (days + 4) - (days + 4).flooring(by: 7) * 7
  }

  /// The days from 1970-01-01 to a date of a year from 0 to 9999; nil if there is no such date, as
  /// the 31st of June.
  ///
  /// Counts as `date(daysSinceEpoch:)` does (Hinnant, `days_from_civil`).
  package static func daysSinceEpoch(year: Int64, month: Int64, day: Int64) -> Int64? {
    guard (0...9_999).contains(year), (1...12).contains(month), (1...31).contains(day) else {
      return nil
    }
    let yearFromMarch = month <= 2 ? year - 1 : year
    let era = yearFromMarch.flooring(by: 400)
    let yearOfEra = yearFromMarch - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    let days = era * 146_097 + dayOfEra - 719_468
    // The 31st of a shorter month is counted as a day of the next one.
    return date(daysSinceEpoch: days) == (year, month, day) ? days : nil
  }

  /// Counts in eras of 400 years, 146,097 days each, whose years start on the first of March: the
  /// leap day is the last day of a year, and the lengths of the months follow a straight line
  /// (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`).
  private static func date(daysSinceEpoch days: Int64) -> (year: Int64, month: Int64, day: Int64) {
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

/// The time of day by the clock of this machine. The clock can be wrong, and can be set back.
package enum SystemTime {
  /// Microseconds since the Unix epoch.
  package static func microseconds() -> Int64 {
    var time = timespec()
    // The call fails only for a clock that does not exist.
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
  }
}

extension [UInt8] {
  /// Appends a time as `2025-06-30T12:34:56.123456Z` (RFC 3339 §5.6). The fraction always has six
  /// digits, so that the texts sort as the times do. Years have four digits, as in `CivilTime`.
  package mutating func append(rfc3339 microseconds: Int64) {
    let microseconds = Swift.min(
      Swift.max(microseconds, -62_167_219_200_000_000), 253_402_300_799_999_999)
    let seconds = microseconds.flooring(by: 1_000_000)
    let time = CivilTime(secondsSinceEpoch: seconds)
    append(decimal: time.year, digits: 4)
    append("-")
    append(decimal: time.month, digits: 2)
    append("-")
    append(decimal: time.day, digits: 2)
    append("T")
    append(decimal: time.hour, digits: 2)
    append(":")
    append(decimal: time.minute, digits: 2)
    append(":")
    append(decimal: time.second, digits: 2)
    append(".")
    append(decimal: microseconds - seconds * 1_000_000, digits: 6)
    append("Z")
  }
}

extension Int64 {
  /// The quotient by a positive divisor, rounded down.
  fileprivate func flooring(by divisor: Int64) -> Int64 {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? quotient - 1 : quotient
  }
}
