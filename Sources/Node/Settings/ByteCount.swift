/// Numbers of bytes as people write them: `1048576`, `1024KiB`, `1MiB`.
package enum ByteCount {
  private static let units: KeyValuePairs = ["GiB": 1 << 30, "MiB": 1 << 20, "KiB": 1 << 10]

  /// Digits, and a unit at once behind them or none. `MB` is refused, as it means two things.
  package static func parse(_ text: String) -> Int? {
    let unit = units.first { text.hasSuffix($0.key) }
    let digits = text.dropLast(unit?.key.count ?? 0)
    guard digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
      let number = Int(digits)
    else { return nil }
    let (bytes, overflow) = number.multipliedReportingOverflow(by: unit?.value ?? 1)
    return overflow ? nil : bytes
  }

  /// In the largest unit that leaves no remainder.
  package static func text(_ bytes: Int) -> String {
    let unit = units.first { bytes > 0 && bytes % $0.value == 0 }
    return "\(bytes / (unit?.value ?? 1))\(unit?.key ?? "")"
  }
}
