extension [UInt8] {
  /// Appends text that is known when the program is compiled, without a copy through `String`.
  @inlinable
  public mutating func append(_ text: StaticString) {
    text.withUTF8Buffer { append(contentsOf: $0) }
  }

  /// Appends a number in decimal.
  public mutating func append(decimal value: Int64) {
    if value < 0 { append(UInt8(ascii: "-")) }
    var rest = value.magnitude
    let start = count
    repeat {
      append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
      rest /= 10
    } while rest > 0
    self[start...].reverse()
  }

  /// A copy of `range` of `source`.
  @inlinable
  public init(copying source: Span<UInt8>, _ range: Range<Int>) {
    self = []
    // The initializers with a capacity look up the array's metadata at each call, which costs 30
    // ns.
    reserveCapacity(range.count)
    append(copying: source, range)
  }

  /// Appends a copy of `range` of `source`.
  @inlinable
  public mutating func append(copying source: Span<UInt8>, _ range: Range<Int>) {
    append(addingCapacity: range.count) { target in
      for index in range { target.append(source[index]) }
    }
  }
}
