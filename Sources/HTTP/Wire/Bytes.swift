extension [UInt8] {
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
