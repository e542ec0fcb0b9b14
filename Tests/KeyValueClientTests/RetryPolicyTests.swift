import TestSupport
import Testing

@testable import KeyValueClient

@Suite("When a request is sent again")
struct RetryPolicyTests {
  private func verdict(
    _ attempt: RetryPolicy.Attempt, _ repetition: ClientRequest.Repetition = .safe,
    repetitionsMax: Int = 4, left: Duration = .seconds(60)
  ) -> (RetryPolicy.Verdict, mayHaveTakenEffect: Bool) {
    var policy = RetryPolicy(repetitionsMax: repetitionsMax)
    var random = SeededGenerator(seed: 1)
    let verdict = policy.verdict(on: attempt, repetition, left: left, using: &random)
    return (verdict, policy.mayHaveTakenEffect)
  }

  private func isRetried(
    _ attempt: RetryPolicy.Attempt, _ repetition: ClientRequest.Repetition = .safe
  ) -> Bool {
    verdict(attempt, repetition).0 != .accept
  }

  private static func answer(
    _ status: Int, _ problem: String? = nil, after: Duration? = nil
  ) -> RetryPolicy.Attempt {
    .answered(status: status, problem: problem, retryAfter: after)
  }

  @Test(
    "Answers that stand are taken", arguments: [200, 202, 304, 400, 401, 403, 404, 410, 412, 500])
  func final(_ status: Int) { #expect(!isRetried(Self.answer(status))) }

  @Test("A conflict is taken, unless it is the same request that is still running")
  func conflicts() {
    #expect(!isRetried(Self.answer(409, "not-an-integer")))
    #expect(isRetried(Self.answer(409, "idempotency-in-flight")))
  }

  @Test("What changed nothing is always sent again")
  func nothingDone() {
    for attempt in [
      .notSent, Self.answer(429), Self.answer(408), Self.answer(503, "unavailable"),
      Self.answer(503, "overloaded"),
    ] {
      #expect(isRetried(attempt, .ifNothingWasDone))
      #expect(!verdict(attempt).mayHaveTakenEffect)
    }
  }

  @Test("What may have taken effect is sent again only if that is safe")
  func unknown() {
    for attempt in [
      .lost, Self.answer(502), Self.answer(504), Self.answer(503),
      Self.answer(503, "outcome-unknown"),
    ] {
      #expect(isRetried(attempt))
      #expect(!isRetried(attempt, .ifNothingWasDone))
      #expect(verdict(attempt).mayHaveTakenEffect)
    }
  }

  @Test("An answer that stands ends the doubt")
  func settled() {
    var policy = RetryPolicy(repetitionsMax: 4)
    _ = policy.verdict(on: .lost, .safe, left: .seconds(60))
    #expect(policy.mayHaveTakenEffect)
    _ = policy.verdict(on: .notSent, .safe, left: .seconds(60))
    #expect(policy.mayHaveTakenEffect)
    _ = policy.verdict(on: Self.answer(201), .safe, left: .seconds(60))
    #expect(!policy.mayHaveTakenEffect)
  }

  @Test("The number of repetitions is bounded")
  func bounded() {
    var policy = RetryPolicy(repetitionsMax: 2)
    let verdicts = (0..<3).map { _ in policy.verdict(on: .notSent, .safe, left: .seconds(60)) }
    #expect(verdicts.map { $0 == .accept } == [false, false, true])
    #expect(verdict(.notSent, repetitionsMax: 0).0 == .accept)
  }

  @Test("Retry-After makes the pause longer, and the deadline ends it")
  func pauses() {
    #expect(
      verdict(Self.answer(503, "unavailable", after: .seconds(7))).0 == .retry(after: .seconds(7)))
    #expect(
      verdict(Self.answer(503, "unavailable", after: .seconds(7)), left: .seconds(6)).0 == .accept)
    guard case .retry(let pause) = verdict(.notSent).0 else {
      Issue.record("it was not sent again")
      return
    }
    #expect(pause >= .milliseconds(100) && pause <= .milliseconds(200))
  }
}
