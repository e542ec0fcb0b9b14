internal import Synchronization

/// One loop's share of a counter. The registry adds the shares up when it is asked.
public final class Counter: Sendable {
  private let count = Atomic<UInt64>(0)
  // A cache line is 64 bytes. Objects of 64 bytes begin at least 64 bytes apart, and what is
  // written in each is its reference count and `count`, the first 24 bytes: the counters of two
  // loops never share a line, wherever the allocator puts them.
  private let padding = InlineArray<5, UInt64>(repeating: 0)

  /// A counter of no registry.
  package init() {}

  /// Counts `amount`, which is not negative. One relaxed atomic addition.
  public func add(_ amount: Int = 1) {
    count.wrappingAdd(UInt64(amount), ordering: .relaxed)
  }

  /// What was counted up to now.
  public var value: UInt64 { count.load(ordering: .relaxed) }
}
