/// How long nothing may move on a connection where something should: longer each time that a new
/// connection has not helped, so that a broker which is merely slow gets its time.
struct Patience {
  private let first: Duration
  /// What holds now.
  private(set) var current: Duration

  /// The longest, unless the first is longer.
  static let longest = Duration.seconds(60)

  init(_ first: Duration) {
    self.first = first
    current = first
  }

  /// A connection was given up.
  mutating func wasLost() { current = max(first, min(current * 2, Patience.longest)) }

  /// Something moved.
  mutating func moved() { current = first }
}
