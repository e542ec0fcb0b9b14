/// Counts what the Sentinels say: no clock, no connection.
struct SentinelVotes {
  /// How long an answer counts.
  static let lifetime = Duration.seconds(1)

  private var answers: [SentinelAnswer?]

  /// Votes of `count` Sentinels, none of which has answered.
  init(count: Int) { answers = Array(repeating: nil, count: count) }

  /// How many must agree.
  var majority: Int { answers.count / 2 + 1 }

  /// What Sentinel `index` said last.
  mutating func record(_ answer: SentinelAnswer, from index: Int) { answers[index] = answer }

  /// How many Sentinels have an answer that counts, whatever it is.
  func answering(at now: Uptime) -> Int {
    answers.count { $0.map { now < $0.askedAt.adding(Self.lifetime) } ?? false }
  }

  /// The master that a majority agrees on, and until when that counts: a lifetime from the oldest
  /// question that the majority needs. Nil: there is no such majority now.
  func decide(at now: Uptime) -> (view: MasterView, until: Uptime)? {
    let current = answers.compactMap { $0 }.filter { now < $0.askedAt.adding(Self.lifetime) }
    for candidate in current {
      let agreeing = current.filter { $0.view == candidate.view }.map(\.askedAt).sorted(by: >)
      if agreeing.count >= majority {
        return (candidate.view, agreeing[majority - 1].adding(Self.lifetime))
      }
    }
    return nil
  }
}
