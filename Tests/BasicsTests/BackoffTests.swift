import Basics
import TestSupport
import Testing

@Suite("Pauses between attempts")
struct BackoffTests {
  @Test("They double up to the longest, and are between half of the step and all of it")
  func doubles() {
    var random = SeededGenerator(seed: 1)
    var backoff = Backoff(first: .milliseconds(100), longest: .milliseconds(350))
    for step in [100, 200, 350, 350].map({ Duration.milliseconds($0) }) {
      let pause = backoff.next(using: &random)
      #expect(pause >= step / 2 && pause <= step)
    }
  }

  @Test("After a success the next pause is short again")
  func reset() {
    var backoff = Backoff(first: .milliseconds(100), longest: .seconds(5))
    for _ in 0..<10 { _ = backoff.next() }
    backoff.reset()
    #expect(backoff.next() <= .milliseconds(100))
  }
}
