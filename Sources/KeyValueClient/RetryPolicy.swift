internal import Basics

/// Whether a request is sent again, and when. It repeats only what is safe: a request that was not
/// carried out, or one that may be carried out twice.
package struct RetryPolicy {
  /// What became of one attempt.
  package enum Attempt: Equatable, Sendable {
    /// There was no connection: the server has seen nothing of the request.
    case notSent
    /// The connection broke, or the answer did not come in time: the request may have been
    /// carried out.
    case lost
    /// The server or a proxy answered. `problem` is the last part of the problem's type.
    case answered(status: Int, problem: String?, retryAfter: Duration?)
  }

  package enum Verdict: Equatable, Sendable {
    /// The attempt is the outcome.
    case accept
    /// Wait for this long, then send the request again.
    case retry(after: Duration)
  }

  private let attemptsMax: Int
  private var backoff = Backoff(first: .milliseconds(200), longest: .seconds(5))
  private var attempts = 0
  /// Whether an attempt may have been carried out without an answer that says so.
  package private(set) var mayHaveTakenEffect = false

  /// - Parameter repetitionsMax: how often a request is sent again; 0: never.
  package init(repetitionsMax: Int) { attemptsMax = repetitionsMax + 1 }

  /// Decides after an attempt. `left` is the time until the caller's deadline.
  package mutating func verdict(
    on attempt: Attempt, _ repetition: ClientRequest.Repetition, left: Duration
  ) -> Verdict {
    var random = SystemRandomNumberGenerator()
    return verdict(on: attempt, repetition, left: left, using: &random)
  }

  package mutating func verdict(
    on attempt: Attempt, _ repetition: ClientRequest.Repetition, left: Duration,
    using random: inout some RandomNumberGenerator
  ) -> Verdict {
    attempts += 1
    guard let state = state(after: attempt) else {
      // An answer that stands says what happened, also of the attempts before it.
      mayHaveTakenEffect = false
      return .accept
    }
    if state == .unknown { mayHaveTakenEffect = true }
    guard state == .nothingDone || repetition == .safe, attempts < attemptsMax else {
      return .accept
    }
    var pause = backoff.next(using: &random)
    if case .answered(_, _, let retryAfter?) = attempt { pause = max(pause, retryAfter) }
    return pause < left ? .retry(after: pause) : .accept
  }

  private enum State { case nothingDone, unknown }

  /// What is known of a request that may be repeated; nil: the answer stands.
  private func state(after attempt: Attempt) -> State? {
    switch attempt {
    case .notSent: .nothingDone
    case .lost: .unknown
    // Too many requests, or the header section did not arrive in time.
    case .answered(408, _, _), .answered(429, _, _): .nothingDone
    // The same request, sent before, is still being carried out.
    case .answered(409, "idempotency-in-flight", _): .unknown
    case .answered(503, "outcome-unknown", _): .unknown
    case .answered(503, "unavailable", _), .answered(503, "overloaded", _): .nothingDone
    // A proxy that has lost its server.
    case .answered(502, _, _), .answered(503, _, _), .answered(504, _, _): .unknown
    case .answered: nil
    }
  }
}
