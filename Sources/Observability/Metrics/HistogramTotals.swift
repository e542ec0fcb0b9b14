/// The shares of a histogram added up.
struct HistogramTotals {
  let bounds: HistogramBounds
  /// In the unit that is observed.
  var sum: UInt64 = 0
  /// A bucket for each bound, and one for what is larger than all of them. Not cumulative.
  var counts: [UInt64]

  init(_ bounds: HistogramBounds) {
    self.bounds = bounds
    counts = Array(repeating: 0, count: bounds.upper.count + 1)
  }
}
