import HTTP
import KeyValueStore

extension [UInt8] {
  /// Appends a time as `2025-06-30T12:34:56.123456Z` (RFC 3339 §5.6), by arithmetic alone.
  mutating func append(rfc3339 time: Timestamp) {
    let seconds = time.seconds
    let fraction = time.microseconds - seconds * 1_000_000
    let days = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
    let secondOfDay = seconds - days * 86_400
    let date = CivilDate(daysSinceEpoch: days)
    append(date.year, digits: 4)
    append(UInt8(ascii: "-"))
    append(date.month, digits: 2)
    append(UInt8(ascii: "-"))
    append(date.day, digits: 2)
    append(UInt8(ascii: "T"))
    append(secondOfDay / 3_600, digits: 2)
    append(UInt8(ascii: ":"))
    append(secondOfDay / 60 % 60, digits: 2)
    append(UInt8(ascii: ":"))
    append(secondOfDay % 60, digits: 2)
    append(UInt8(ascii: "."))
    append(fraction, digits: 6)
    append(UInt8(ascii: "Z"))
  }

  /// Appends a number of known width, filled with zeros.
  private mutating func append(_ value: Int64, digits: Int) {
    var divisor: Int64 = 1
    for _ in 1..<digits { divisor *= 10 }
    while divisor > 0 {
      append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value / divisor % 10))
      divisor /= 10
    }
  }
}

/// A day of the Gregorian calendar.
private struct CivilDate {
  let year: Int64
  let month: Int64
  let day: Int64

  /// Counts in eras of 400 years (146,097 days) that begin on March 1st, so that a leap day ends its year.
  init(daysSinceEpoch: Int64) {
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    let days = daysSinceEpoch + 719_468
    let era = (days >= 0 ? days : days - 146_096) / 146_097
    let dayOfEra = days - era * 146_097
    let yearOfEra =
      (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  }
}
