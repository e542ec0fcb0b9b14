import HTTP
import KeyValueStore

extension [UInt8] {
  /// Appends a time as `2025-06-30T12:34:56.123456Z` (RFC 3339 §5.6), by arithmetic alone.
  ///
  /// Years have four digits: times before the year 0 or behind 9999, which only a damaged record
  /// can hold, are written as its first or last microsecond.
  mutating func append(rfc3339 time: Timestamp) {
    let time = Swift.min(Swift.max(time, .firstWritten), .lastWritten)
    let seconds = time.seconds
    let fraction = time.microseconds - seconds * 1_000_000
    let days = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
    let secondOfDay = seconds - days * 86_400
    let date = HTTPDate.civil(daysSinceEpoch: days)
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

extension Timestamp {
  fileprivate static let firstWritten = Timestamp(microseconds: -62_167_219_200_000_000)
  fileprivate static let lastWritten = Timestamp(microseconds: 253_402_300_799_999_999)
}
