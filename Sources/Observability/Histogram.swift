internal import Basics
internal import Synchronization

/// One loop's share of a histogram. The registry adds the shares up when the metrics are read.
///
/// The number of observations is the sum of all buckets, so that the two can't disagree, and an
/// observation costs two additions.
public final class Histogram: Sendable {
  private let sum = Atomic<UInt64>(0)
  private let counts = InlineArray<18, Atomic<UInt64>> { _ in Atomic(0) }
  // A copy: a shared array would mean one more access to memory for every observation. Unused
  // bounds are so large that no value is above them.
  private let upper: InlineArray<17, UInt64>
  private let boundsCount: Int
  // As in `Counter`: the histograms of two loops never share a cache line.
  private let padding = InlineArray<5, UInt64>(repeating: 0)

  init(_ bounds: HistogramBounds) {
    boundsCount = bounds.upper.count
    upper = InlineArray { $0 < bounds.upper.count ? bounds.upper[$0] : .max }
  }

  /// Counts a value, which is in the unit of the bounds.
  public func observe(_ value: UInt64) {
    var bucket = 0
    // Most values are small: the first few comparisons find their bucket.
    while bucket < boundsCount, value > upper[bucket] { bucket += 1 }
    counts[bucket].wrappingAdd(1, ordering: .relaxed)
    sum.wrappingAdd(value, ordering: .relaxed)
  }

  /// Counts a duration; the bounds must be in nanoseconds. A negative duration, which a clock that
  /// was set back can cause, counts as 0.
  public func observe(_ duration: Duration) {
    observe(UInt64(max(0, duration.nanoseconds)))
  }

  /// Adds this share to those of other loops.
  func add(to totals: inout HistogramTotals) {
    totals.sum &+= sum.load(ordering: .relaxed)
    for bucket in 0...boundsCount {
      totals.counts[bucket] &+= counts[bucket].load(ordering: .relaxed)
    }
  }
}

/// The bounds of a histogram's buckets.
public struct HistogramBounds: Hashable, Sendable {
  /// The most bounds. There is one more bucket, which has no bound.
  static let countMax = 17

  /// The largest value of each bucket, ascending, in the unit that is observed.
  let upper: [UInt64]
  /// How many observed units make one unit of the metric: 10⁹ for nanoseconds exported as seconds.
  let scale: Double

  /// Takes the bounds in the unit that is observed, and how many of it make one unit of the metric.
  public init(_ upper: [UInt64], scale: Double = 1) {
    precondition((1...HistogramBounds.countMax).contains(upper.count), "1 to 17 bounds")
    precondition(zip(upper, upper.dropFirst()).allSatisfy { $0 < $1 }, "bounds ascend")
    self.upper = upper
    self.scale = scale
  }

  /// Nanoseconds exported as seconds, 50 µs to 10 s: from a cache hit to the failover of a
  /// database.
  public static let latency = HistogramBounds(
    [
      50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
      1_000_000, 2_500_000, 5_000_000, 10_000_000,
    ].map { $0 * 1_000 }, scale: 1e9)

  /// Sizes of batches, 1 to 1,000.
  public static let size = HistogramBounds([1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000])
}

/// The sum of a histogram's shares.
struct HistogramTotals {
  let bounds: HistogramBounds
  /// In the unit that is observed.
  var sum: UInt64 = 0
  /// The count of each bound's bucket, then of the values above all bounds. Not cumulative.
  var counts: [UInt64]

  init(_ bounds: HistogramBounds) {
    self.bounds = bounds
    counts = Array(repeating: 0, count: bounds.upper.count + 1)
  }
}
