/// Where the buckets of a histogram end.
public struct HistogramBounds: Hashable, Sendable {
  /// The most bounds; the bucket without a bound comes on top.
  static let countMax = 17

  /// The largest value in each bucket, ascending, in the unit that is observed.
  let upper: [UInt64]
  /// Observed units in one unit of the metric: 10⁹ for nanoseconds shown as seconds.
  let scale: Double

  /// Bounds in the unit that is observed, and how many of it make one unit of the metric.
  public init(_ upper: [UInt64], scale: Double = 1) {
    precondition((1...HistogramBounds.countMax).contains(upper.count), "1 to 17 bounds")
    precondition(zip(upper, upper.dropFirst()).allSatisfy { $0 < $1 }, "bounds ascend")
    self.upper = upper
    self.scale = scale
  }

  /// Nanoseconds shown as seconds, 50 µs to 10 s: from a hit in the cache to a database that fails
  /// over.
  public static let latency = HistogramBounds(
    [
      50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
      1_000_000, 2_500_000, 5_000_000, 10_000_000,
    ].map { $0 * 1_000 }, scale: 1e9)

  /// How many things went together, 1 to 1,000.
  public static let size = HistogramBounds([1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000])
}
