internal import Synchronization

/// What the cache of one loop counts. Only that loop writes, so that adding takes no lock prefix;
/// anybody may read.
final class RedisCounters: Sendable {
  private let isServing = Atomic<Bool>(false)
  private let hits = Atomic<Int>(0)
  private let misses = Atomic<Int>(0)
  private let bypassed = Atomic<Int>(0)
  private let connects = Atomic<Int>(0)
  private let timeouts = Atomic<Int>(0)
  private let failedUpdates = Atomic<Int>(0)
  private let repairs = Atomic<Int>(0)
  private let drops = Atomic<Int>(0)

  func countHit() { RedisCounters.add(1, to: hits) }
  func countMiss() { RedisCounters.add(1, to: misses) }
  func countConnect() { RedisCounters.add(1, to: connects) }
  func countTimeout() { RedisCounters.add(1, to: timeouts) }
  func countDrop() { RedisCounters.add(1, to: drops) }
  func count(failedUpdates count: Int) { RedisCounters.add(count, to: failedUpdates) }
  func count(repairs count: Int) { RedisCounters.add(count, to: repairs) }

  func countBypass() {
    RedisCounters.add(1, to: misses)
    RedisCounters.add(1, to: bypassed)
  }

  func note(isServing: Bool) { self.isServing.store(isServing, ordering: .relaxed) }

  func add(to totals: inout RedisTotals) {
    totals.loops += 1
    if isServing.load(ordering: .relaxed) { totals.serving += 1 }
    totals.hits += hits.load(ordering: .relaxed)
    totals.misses += misses.load(ordering: .relaxed)
    totals.bypassed += bypassed.load(ordering: .relaxed)
    totals.connects += connects.load(ordering: .relaxed)
    totals.timeouts += timeouts.load(ordering: .relaxed)
    totals.failedUpdates += failedUpdates.load(ordering: .relaxed)
    totals.repairs += repairs.load(ordering: .relaxed)
    totals.drops += drops.load(ordering: .relaxed)
  }

  private static func add(_ count: Int, to counter: borrowing Atomic<Int>) {
    counter.store(counter.load(ordering: .relaxed) + count, ordering: .relaxed)
  }
}
