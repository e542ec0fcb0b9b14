internal import Synchronization

/// One loop's share of a gauge: how many of something there are now. The registry adds the shares
/// up.
public final class Gauge: Sendable {
  private let level = Atomic<Int64>(0)
  // As for `Counter`: the gauges of two loops never share a cache line.
  private let padding = InlineArray<5, UInt64>(repeating: 0)

  init() {}

  /// Moves the level, up or down. One relaxed atomic addition.
  public func add(_ amount: Int) {
    level.wrappingAdd(Int64(amount), ordering: .relaxed)
  }

  /// The level now.
  public var value: Int64 { level.load(ordering: .relaxed) }
}
