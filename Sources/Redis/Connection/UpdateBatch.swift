/// Several updates on their way: whoever sent them is told once, when the last is answered.
///
/// Not Sendable: it belongs to the loop of its connection.
final class UpdateBatch {
  /// What became of the updates.
  enum Outcome: Sendable {
    /// All are in Redis, or something newer is.
    case kept
    /// Redis has forgotten the script; some may have been carried out.
    case scriptMissing
    /// Some may not have been carried out.
    case failed
  }

  private var remaining = 1
  private var outcome = Outcome.kept
  private let continuation: UnsafeContinuation<Outcome, Never>

  /// Waits for one `settle` more than for `expectReply`: the sender's own.
  init(_ continuation: UnsafeContinuation<Outcome, Never>) { self.continuation = continuation }

  func expectReply() { remaining += 1 }

  /// One reply has come, or will never come.
  func settle(_ result: Outcome) {
    switch (outcome, result) {
    case (_, .kept), (.failed, _): break
    case (_, .failed), (_, .scriptMissing): outcome = result
    }
    remaining -= 1
    if remaining == 0 { continuation.resume(returning: outcome) }
  }
}
