/// The workers' queue: how long it will take to empty it.
struct Backlog: Equatable, Sendable {
  /// Nil: not known.
  let messages: Double?
  /// Messages done a second, by all workers together; nil: not known.
  let drain: Double?
  /// Fewer are no backlog, however slowly they go: a handful that has just come, divided by the
  /// little that was done in a quiet minute, would look like hours.
  let messagesMin: Double

  /// Seconds until the queue is empty.
  ///
  /// A backlog of which nothing is drained is `stalled`, not endless: when the database is away
  /// every worker waits, and twenty would wait no better than two.
  var reading: MetricReading.Value {
    guard let messages else { return .missing("no depth of the queue") }
    guard let drain else { return .missing("no drain rate") }
    if messages < messagesMin { return .whole(0) }
    guard drain > 0 else { return .stalled("\(Int(messages)) messages wait, and none is drained") }
    return .whole(messages / drain)
  }
}
