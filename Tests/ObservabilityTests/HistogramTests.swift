import TestSupport
import Testing

@testable import Observability

@Suite("A histogram")
struct HistogramTests {
  private func totals(_ histogram: Histogram, _ bounds: HistogramBounds) -> HistogramTotals {
    var totals = HistogramTotals(bounds)
    histogram.add(to: &totals)
    return totals
  }

  @Test("A value on a bound is in its bucket, one above it in the next")
  func bounds() {
    let bounds = HistogramBounds([10, 20])
    let histogram = Histogram(bounds)
    for value in [0, 10, 11, 20, 21, .max] as [UInt64] { histogram.observe(value) }
    #expect(totals(histogram, bounds).counts == [2, 2, 2])
  }

  @Test("As many bounds as there may be leave room for what is larger than all of them")
  func allBounds() {
    #expect(HistogramBounds.latency.upper.count == HistogramBounds.countMax)
    let histogram = Histogram(.latency)
    histogram.observe(Duration.seconds(11))
    histogram.observe(Duration.seconds(10))
    histogram.observe(Duration.microseconds(50))
    let counts = totals(histogram, .latency).counts
    #expect(counts.first == 1)
    #expect(counts.suffix(2) == [1, 1])
  }

  @Test("A duration before zero, after a clock went back, counts as zero")
  func negativeDuration() {
    let histogram = Histogram(.latency)
    histogram.observe(Duration.milliseconds(-5))
    let result = totals(histogram, .latency)
    #expect(result.sum == 0)
    #expect(result.counts[0] == 1)
  }

  @Test("Random values are where a search through the bounds finds them")
  func randomValues() {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SeededGenerator(seed: seed)
    let histogram = Histogram(.latency)
    var expected = HistogramTotals(.latency)
    for _ in 0..<10_000 {
      let value = random.next() >> UInt64.random(in: 24...55, using: &random)
      histogram.observe(value)
      let bucket = HistogramBounds.latency.upper.firstIndex { value <= $0 } ?? 17
      expected.counts[bucket] += 1
      expected.sum &+= value
    }
    let result = totals(histogram, .latency)
    #expect(result.counts == expected.counts, "seed \(seed)")
    #expect(result.sum == expected.sum, "seed \(seed)")
  }
}
