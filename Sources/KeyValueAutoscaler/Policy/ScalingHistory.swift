/// What the policy has to remember of earlier decisions. It may be lost: without it, nothing is
/// scaled down until it has been gathered anew.
struct ScalingHistory: Equatable, Sendable {
  /// What was seen and recommended at one moment.
  private struct Entry: Equatable {
    let at: Duration
    let replicas: Int
    let recommendation: Int
  }

  /// A number of replicas that was asked for, and when.
  struct Command: Equatable, Sendable {
    let at: Duration
    let replicas: Int
  }

  private var entries: [Entry] = []
  /// The last command that was carried out without an error.
  private(set) var command: Command?

  /// Remembers a decision; one without a recommendation leaves no trace. Forgets what is older than
  /// `age`.
  mutating func record(_ decision: ScalingDecision, at: Duration, keeping age: Duration) {
    entries.removeAll { $0.at < at - age }
    guard let replicas = decision.replicas, let recommendation = decision.recommendation else {
      return
    }
    entries.append(Entry(at: at, replicas: replicas, recommendation: recommendation))
  }

  /// Remembers that so many replicas were asked for.
  mutating func record(command replicas: Int, at: Duration) {
    command = Command(at: at, replicas: replicas)
  }

  /// How many replicas there will be, as far as is known, where `replicas` are seen: what was asked
  /// for, if that was within `settling`.
  func expected(_ replicas: Int, at now: Duration, settling: Duration) -> Int {
    guard let command, now - command.at < settling else { return replicas }
    return command.replicas
  }

  /// The highest recommendation since then; nil without one.
  func highestRecommendation(since start: Duration) -> Int? {
    entries.lazy.filter { $0.at >= start }.map(\.recommendation).max()
  }

  /// The numbers of replicas that were seen since then, smallest and largest; nil without one.
  func replicas(since start: Duration) -> ClosedRange<Int>? {
    let seen = entries.lazy.filter { $0.at >= start }.map(\.replicas)
    guard let least = seen.min(), let most = seen.max() else { return nil }
    return least...most
  }
}
