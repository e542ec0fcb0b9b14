import KeyValueStore

/// What a shard keeps: entries in the order of their last use, and leases in the order in which
/// they end. Both are chains through one array, so that each operation takes the same time however
/// much is kept, and no entry needs an object of its own.
struct EntryList {
  private var slots = SlotTable()
  private var entries = SlotChain()
  private var leases = SlotChain()
  private let bytesMax: Int
  private let leasesMax: Int
  private let leaseMicroseconds: Int64
  private var nextToken: UInt64
  private let tokenStep: UInt64
  /// The newest revision that was dropped to make room, or that may have been replaced before there
  /// was a list. Nothing older is kept of a key that is not there: it may be what was dropped that
  /// is newer. Revisions are times, so little is lost.
  private var floor: Revision
  private var bytes = 0
  private var hits = 0
  private var misses = 0
  private var evictions = 0

  init(
    bytesMax: Int, leasesMax: Int, leaseMicroseconds: Int64, floor: Revision, firstToken: UInt64,
    tokenStep: UInt64
  ) {
    self.bytesMax = bytesMax
    self.leasesMax = leasesMax
    self.leaseMicroseconds = leaseMicroseconds
    self.floor = floor
    nextToken = firstToken
    self.tokenStep = tokenStep
  }

  /// What is kept of `key`, which becomes the one used last.
  mutating func use(_ key: HashedKey) -> Lookup? {
    guard let index = slots.index(of: key), case .entry(let lookup) = slots[index].content else {
      misses += 1
      return nil
    }
    hits += 1
    entries.moveToFront(index, in: &slots)
    return lookup
  }

  /// The right to fill a key that is not there, unless somebody has it or too many are out.
  mutating func lease(_ key: HashedKey, at now: Timestamp) -> Lease? {
    if let index = slots.index(of: key) {
      guard isOver(index, at: now) else { return nil }
      drop(leaseAt: index)
    } else if leases.count >= leasesMax {
      guard let oldest = leases.back, isOver(oldest, at: now) else { return nil }
      drop(leaseAt: oldest)
    }
    let lease = Lease(token: nextToken)
    nextToken += tokenStep
    let end = Timestamp(microseconds: now.microseconds + leaseMicroseconds)
    leases.pushFront(slots.add(key, .lease(lease, end: end)), in: &slots)
    return lease
  }

  /// Keeps what the holder of `lease` has loaded, if nothing has taken the lease away.
  mutating func fill(_ key: HashedKey, with lookup: Lookup, lease: Lease) {
    guard let index = slots.index(of: key), case .lease(lease, _) = slots[index].content else {
      return
    }
    drop(leaseAt: index)
    insert(key, lookup)
  }

  /// Keeps what was committed if it is newer than what is, or may have been, kept.
  mutating func update(_ key: HashedKey, to lookup: Lookup) {
    if let index = slots.index(of: key) {
      switch slots[index].content {
      case .lease, .free:
        drop(leaseAt: index)
      case .entry(let kept):
        if kept.revision < lookup.revision { replace(entryAt: index, with: lookup) }
        return
      }
    }
    if lookup.revision > floor { insert(key, lookup) }
  }

  /// Drops what is older than `revision`, and keeps nothing older from now on.
  mutating func forget(_ key: HashedKey, before revision: Revision) {
    if let index = slots.index(of: key) {
      switch slots[index].content {
      case .lease, .free: drop(leaseAt: index)
      case .entry(let kept):
        if kept.revision >= revision { return }
        drop(entryAt: index)
      }
    }
    floor = max(floor, revision)
  }

  /// How full the shard is. The bytes of leases are not counted: their number has a bound.
  var statistics: CacheStatistics {
    CacheStatistics(
      keys: entries.count, keysMax: nil, bytes: bytes, bytesMax: bytesMax, hits: hits,
      misses: misses, evictions: evictions)
  }

  private func isOver(_ index: Int, at now: Timestamp) -> Bool {
    guard case .lease(_, let end) = slots[index].content else { return false }
    // A clock that was set back must not keep a lease alive.
    let left = end.microseconds - now.microseconds
    return left <= 0 || left > leaseMicroseconds
  }

  private mutating func drop(leaseAt index: Int) {
    leases.remove(index, in: &slots)
    slots.remove(index)
  }

  private mutating func insert(_ key: HashedKey, _ lookup: Lookup) {
    let weight = SlotTable.weight(of: key.key, lookup)
    if weight > bytesMax {
      floor = max(floor, lookup.revision)
      return
    }
    entries.pushFront(slots.add(key, .entry(lookup)), in: &slots)
    bytes += weight
    makeRoom()
  }

  private mutating func replace(entryAt index: Int, with lookup: Lookup) {
    let key = slots[index].key.key
    guard case .entry(let kept) = slots[index].content else { return }
    let weight = SlotTable.weight(of: key, lookup)
    if weight > bytesMax {
      // What is kept is old now, and the new value has no room.
      evict(index)
      floor = max(floor, lookup.revision)
      return
    }
    bytes += weight - SlotTable.weight(of: key, kept)
    slots[index].content = .entry(lookup)
    entries.moveToFront(index, in: &slots)
    makeRoom()
  }

  private mutating func makeRoom() {
    while bytes > bytesMax, let oldest = entries.back { evict(oldest) }
  }

  private mutating func evict(_ index: Int) {
    guard case .entry(let lookup) = slots[index].content else { return }
    floor = max(floor, lookup.revision)
    evictions += 1
    drop(entryAt: index)
  }

  private mutating func drop(entryAt index: Int) {
    guard case .entry(let lookup) = slots[index].content else { return }
    bytes -= SlotTable.weight(of: slots[index].key.key, lookup)
    entries.remove(index, in: &slots)
    slots.remove(index)
  }
}
