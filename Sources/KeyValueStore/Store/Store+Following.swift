/// What those who follow changes need beside the feed.
extension Store {
  /// Follows the committed changes after `position`, or from now on (nil): see `ChangeFeed`.
  /// Errors: `unavailable`, `overloaded`.
  public func follow(
    after position: FeedPosition?
  ) async throws(StoreError) -> (any ChangeSubscription)? {
    try await publisher.feed.subscribe(after: position)
  }

  /// Whether what carries the feed is there. Throws `unavailable`.
  public func checkFeed() async throws(StoreError) { try await queue.checkHealth() }

  /// The values that changes gave to keys, in the order of `changes`. Nil: the change gave it none,
  /// the key has changed again since, or it can't be read now.
  ///
  /// All are read together: from the cache, and what it does not know in one look-up. The caller
  /// bounds how many these are, and their size.
  public func values(of changes: [Change]) async -> [[UInt8]?] {
    // Of the changes of one key, only the last can be current.
    var places: [Key: Int] = [:]
    for (place, change) in changes.enumerated() {
      guard case .put = change.kind else { continue }
      if let other = places[change.key], changes[other].revision >= change.revision { continue }
      places[change.key] = place
    }
    let wanted = places.values.sorted()
    var values = [[UInt8]?](repeating: nil, count: changes.count)
    var unknown: [Int] = []
    for (place, lookup) in zip(wanted, await cache.peek(wanted.map { changes[$0].key })) {
      // What is older than the change was not updated in time.
      if let lookup, lookup.revision >= changes[place].revision {
        observer.cacheAnswered(.hit)
        values[place] = value(of: changes[place], in: lookup)
      } else {
        observer.cacheAnswered(.miss)
        unknown.append(place)
      }
    }
    if unknown.isEmpty { return values }
    let results = await reads.read(unknown.map { changes[$0].key }, readers: unknown.count)
    for (place, result) in zip(unknown, results) {
      if case .success(let lookup) = result {
        values[place] = value(of: changes[place], in: lookup)
      }
    }
    return values
  }

  /// Nil: the key holds something else by now, or nothing.
  private func value(of change: Change, in lookup: Lookup) -> [UInt8]? {
    guard let entry = lookup.entry, entry.metadata.revision == change.revision else { return nil }
    if let expiresAt = entry.metadata.expiresAt, expiresAt <= now() { return nil }
    return entry.value
  }
}
