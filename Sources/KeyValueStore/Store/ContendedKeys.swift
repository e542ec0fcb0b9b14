/// Keys that were found being written by somebody else a moment ago: their writes have to wait, and
/// no others with them.
struct ContendedKeys {
  /// How long a key is remembered.
  static let lifetime = Duration.seconds(2)
  /// How many are; what does not fit is found out again.
  static let countMax = 1_000

  private var ends: [Key: ContinuousClock.Instant] = [:]

  /// Whether writes of `key` are likely to wait.
  func contains(_ key: Key, at now: ContinuousClock.Instant) -> Bool {
    guard !ends.isEmpty, let end = ends[key] else { return false }
    return now < end
  }

  /// A write of `key` had to wait.
  mutating func insert(_ key: Key, at now: ContinuousClock.Instant) {
    if ends.count >= Self.countMax { ends = ends.filter { now < $0.value } }
    if ends.count < Self.countMax { ends[key] = now + Self.lifetime }
  }
}
