internal import Synchronization

/// One loop's share of a histogram. The registry adds the shares up when it is asked.
///
/// The number of observations is that of all buckets together, so that the two can't disagree, and
/// an observation costs two additions.
public final class Histogram: Sendable {
  private let sum = Atomic<UInt64>(0)
  private let counts = InlineArray<18, Atomic<UInt64>> { _ in Atomic(0) }
  // Copied, as reading a shared array would be one more place in memory for every observation.
  // Bounds that are not used are so large that no value passes them, which ends the search without
  // a count.
  private let upper: InlineArray<17, UInt64>
  private let boundsCount: Int
  // As for `Counter`: what two loops write never shares a cache line.
  private let padding = InlineArray<5, UInt64>(repeating: 0)

  init(_ bounds: HistogramBounds) {
    boundsCount = bounds.upper.count
    upper = InlineArray { $0 < bounds.upper.count ? bounds.upper[$0] : .max }
  }

  /// Counts a value, in the unit of the bounds.
  public func observe(_ value: UInt64) {
    var bucket = 0
    // Most values are small: the first few comparisons find their bucket.
    while bucket < boundsCount, value > upper[bucket] { bucket += 1 }
    counts[bucket].wrappingAdd(1, ordering: .relaxed)
    sum.wrappingAdd(value, ordering: .relaxed)
  }

  /// Counts a duration, where the bounds are nanoseconds. A negative one, after a clock went back,
  /// is 0.
  public func observe(_ duration: Duration) {
    let (seconds, attoseconds) = duration.components
    let nanoseconds = seconds &* 1_000_000_000 &+ attoseconds / 1_000_000_000
    observe(UInt64(max(0, nanoseconds)))
  }

  /// Adds this share to the shares of other loops.
  func add(to totals: inout HistogramTotals) {
    totals.sum &+= sum.load(ordering: .relaxed)
    for bucket in 0...boundsCount {
      totals.counts[bucket] &+= counts[bucket].load(ordering: .relaxed)
    }
  }
}
