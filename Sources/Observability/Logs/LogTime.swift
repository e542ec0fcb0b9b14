#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// The time of a log line.
enum LogTime {
  /// Microseconds since the Unix epoch.
  static func now() -> Int64 {
    var time = timespec()
    guard clock_gettime(CLOCK_REALTIME, &time) == 0 else { return 0 }
    return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
  }

  /// RFC 3339 in UTC with six digits of a second: lines sort by text as they do by time.
  static func text(microseconds: Int64) -> String {
    let (seconds, fraction) = microseconds.dividedFloor(by: 1_000_000)
    let (days, second) = seconds.dividedFloor(by: 86_400)
    let date = civil(days: days)
    let clock = [second / 3_600, second / 60 % 60, second % 60].map { padded($0, to: 2) }
    return padded(date.year, to: 4) + "-" + padded(date.month, to: 2) + "-"
      + padded(date.day, to: 2) + "T" + clock.joined(separator: ":") + "."
      + padded(fraction, to: 6) + "Z"
  }

  /// The date so many days after 1970-01-01, in the proleptic Gregorian calendar, by counting in
  /// eras of 400 years that begin on 1 March, so that the leap day is the last day of a year.
  private static func civil(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let (era, dayOfEra) = (days + 719_468).dividedFloor(by: 146_097)
    let yearOfEra =
      (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    return (year, month, dayOfYear - (153 * shifted + 2) / 5 + 1)
  }

  private static func padded(_ number: Int64, to digits: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
  }
}

extension Int64 {
  /// Quotient and remainder, the remainder never negative.
  fileprivate func dividedFloor(by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
  }
}
