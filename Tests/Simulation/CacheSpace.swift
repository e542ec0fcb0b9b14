package import KeyValueStore

/// What a cache keeps of its keys, and the rules by which it does: those of the port `Cache`,
/// without I/O or clock.
package struct CacheSpace: Sendable {
  private enum Slot: Sendable {
    case entry(Lookup)
    /// The right to fill, and the least revision of the filling.
    case lease(token: UInt64, floor: Revision, end: Timestamp)
    /// Nothing older may be kept.
    case floor(Revision)
  }

  private var slots: [Key: Slot] = [:]
  /// The newest revision that was dropped: nothing older of a missing key may be kept.
  private var floor: Revision
  package private(set) var evictions = 0

  package init(floor: Revision) { self.floor = floor }

  package var count: Int { entries.count }

  /// The keys that have an entry, in their order.
  package var entries: [Key] {
    slots.keys.filter { if case .entry? = slots[$0] { true } else { false } }.sorted()
  }

  package func lookup(_ key: Key) -> Lookup? {
    if case .entry(let lookup)? = slots[key] { lookup } else { nil }
  }

  /// Grants a lease, unless another reader has one.
  package mutating func lease(_ key: Key, token: UInt64, at now: Timestamp, lifetime: Int64) -> Bool
  {
    var least = Revision.none
    switch slots[key] {
    case .entry: return false
    case .lease(_, let floor, let end):
      if now < end { return false }
      least = floor
    case .floor(let revision): least = revision
    case nil: break
    }
    slots[key] = .lease(token: token, floor: least, end: now.adding(seconds: lifetime))
    return true
  }

  package mutating func fill(_ key: Key, with lookup: Lookup, token: UInt64, at now: Timestamp) {
    guard case .lease(token, let floor, let end)? = slots[key], now < end,
      floor <= lookup.revision
    else { return }
    slots[key] = .entry(lookup)
  }

  /// - Parameter horizon: entries of keys that have none are made of newer revisions only; nil: of
  ///   none.
  package mutating func update(
    _ update: CacheUpdate, creatingAfter horizon: Revision? = Revision.none
  ) {
    var least = Revision.none
    switch slots[update.key] {
    case .entry(let lookup):
      if lookup.revision < update.revision {
        slots[update.key] = update.lookup.map { .entry($0) } ?? .floor(update.revision)
      }
      return
    case .lease(_, let revision, _), .floor(let revision): least = revision
    case nil: break
    }
    if let lookup = update.lookup, let horizon, max(floor, least, horizon) < update.revision {
      slots[update.key] = .entry(lookup)
    } else {
      // Takes the lease away, and leaves what must not be fallen short of.
      slots[update.key] = .floor(max(floor, least, update.revision))
    }
  }

  package mutating func evict(_ key: Key) {
    switch slots.removeValue(forKey: key) {
    case .entry(let lookup): floor = max(floor, lookup.revision)
    case .floor(let revision), .lease(_, let revision, _): floor = max(floor, revision)
    case nil: return
    }
    evictions += 1
  }

  /// Keeps what it is told, whatever it has.
  package mutating func force(_ key: Key, _ lookup: Lookup?) {
    slots[key] = lookup.map { .entry($0) }
  }

  /// Ends all leases, as time does.
  package mutating func endLeases() {
    for (key, slot) in slots {
      if case .lease(_, let floor, _) = slot { slots[key] = .floor(floor) }
    }
  }
}
