import KeyValueStore

/// Which events of the feed a watcher has had: all up to a position, and some of those after it,
/// while the feed holds others back.
struct PlacesHad {
  /// All up to here.
  private(set) var end: FeedPosition
  /// Some after it; also some that are not after it any more.
  private var ahead: Set<FeedPosition>
  /// When there are so many, those that are not ahead any more are removed.
  private var pruningCount = 64

  init(end: FeedPosition, ahead: some Sequence<FeedPosition> = []) {
    self.end = end
    self.ahead = Set(ahead)
  }

  func contains(_ place: FeedPosition) -> Bool {
    place <= end || (!ahead.isEmpty && ahead.contains(place))
  }

  /// Adds an event. False: it was there already.
  mutating func insert(_ place: FeedPosition, position: FeedPosition) -> Bool {
    if contains(place) { return false }
    if place > position { ahead.insert(place) }
    advance(to: position)
    return true
  }

  /// The watcher has had all up to `position`.
  mutating func advance(to position: FeedPosition) {
    end = max(end, position)
    guard ahead.count >= pruningCount else { return }
    ahead = ahead.filter { $0 > end }
    pruningCount = max(64, 2 * ahead.count)
  }
}
