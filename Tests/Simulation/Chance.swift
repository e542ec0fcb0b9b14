internal import TestSupport

/// The random choices of a run, in the order in which its parts ask for them.
package final class Chance: RandomNumberGenerator {
  private var generator: SeededGenerator

  package init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

  package func next() -> UInt64 { generator.next() }

  /// True once in `odds` times, on average; never if they are 0.
  package func oneIn(_ odds: Int) -> Bool { odds > 0 && number(below: odds) == 0 }

  /// From 0 up to, but not including, `bound`.
  package func number(below bound: Int) -> Int { Int(next() % UInt64(bound)) }

  package func number(in range: ClosedRange<Int>) -> Int {
    range.lowerBound + number(below: range.count)
  }

  package func pick<Element>(_ choices: [Element]) -> Element {
    choices[number(below: choices.count)]
  }

  package func milliseconds(_ range: ClosedRange<Int>) -> Duration {
    .microseconds(number(in: (range.lowerBound * 1_000)...(range.upperBound * 1_000)))
  }
}
