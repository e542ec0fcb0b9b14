/// What may go wrong in a run, and how often: once in so many times, or never (0).
///
/// Each run draws its own, and most of them are never: a fault that is rare among many others is
/// frequent in a run of few.
package struct Odds: Equatable, Sendable {
  // The database.
  /// A call is refused before it has any effect.
  package var refusals = 0
  /// A write, or a part of a batch, finds its keys locked.
  package var locks = 0
  /// A commit's request is lost: it never takes effect, and nobody knows.
  package var lostRequests = 0
  /// A commit's reply is lost: it has taken effect, and nobody knows.
  package var lostReplies = 0
  /// A call takes effect late.
  package var delays = 0

  // The cache.
  /// An update or its reply is lost.
  package var lostUpdates = 0
  /// An entry is evicted before an operation.
  package var evictions = 0

  // Queue and feed.
  /// A message is refused.
  package var refusedMessages = 0
  /// A confirm is lost: nobody knows whether there is the message.
  package var lostConfirms = 0
  /// A message is delivered once more.
  package var duplicates = 0
  /// A message is delivered late, and after others.
  package var lateDeliveries = 0

  // The processes.
  /// The clock advances although there is work.
  package var earlyTimers: UInt64 = 0
  /// The most that a message travels, in µs.
  package var travelMost = 4_000

  package static let none = Odds()

  /// What may go wrong, as text.
  package var words: String {
    let names = Mirror(reflecting: self).children.compactMap { child -> String? in
      guard let name = child.label, let odds = child.value as? Int, odds > 0 else { return nil }
      return "\(name) \(odds)"
    }
    return names.joined(separator: ", ")
  }

  /// The odds of the faults.
  static var fields: [WritableKeyPath<Odds, Int>] {
    [
      \.refusals, \.locks, \.lostRequests, \.lostReplies, \.delays, \.lostUpdates, \.evictions,
      \.refusedMessages, \.lostConfirms, \.duplicates, \.lateDeliveries,
    ]
  }

  /// The same without faults.
  var calm: Odds {
    var calm = Odds.none
    calm.travelMost = travelMost
    return calm
  }
}
