import KeyValueStore

/// The contents of a shard: entries in the order of their last use, and leases in the order of
/// their ends. Both are chains through one array, so that the time of an operation does not depend
/// on the number of entries, and no entry needs an object of its own.
struct EntryList {
  private var slots = SlotTable()
  private var entries = SlotChain()
  private var leases = SlotChain()
  private let bytesMax: Int
  private let leasesMax: Int
  private let leaseMicroseconds: Int64
  private var nextToken: UInt64
  private let tokenStep: UInt64
  /// The newest revision that was evicted, or that may have been replaced before the cache began.
  /// Nothing older is kept of a key that is not there, because the evicted entry may be newer. As
  /// revisions are times, little is lost.
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

  /// What is known of `key`, which becomes the most recently used one.
  mutating func use(_ key: HashedKey) -> Lookup? {
    guard let index = slots.index(of: key), case .entry(let lookup) = slots[index].content else {
      misses += 1
      return nil
    }
    hits += 1
    entries.moveToFront(index, in: &slots)
    return lookup
  }

  /// The right to fill a key that is not there, unless another reader has it or there are too many
  /// leases.
  mutating func lease(_ key: HashedKey, at now: Timestamp) -> Lease? {
    if let index = slots.index(of: key) {
      guard hasEnded(index, at: now) else { return nil }
      drop(leaseAt: index)
    } else if leases.count >= leasesMax {
      guard let oldest = leases.back, hasEnded(oldest, at: now) else { return nil }
      drop(leaseAt: oldest)
    }
    let lease = Lease(token: nextToken)
    nextToken += tokenStep
    let end = Timestamp(microseconds: now.microseconds + leaseMicroseconds)
    leases.pushFront(slots.add(key, .lease(lease, end: end)), in: &slots)
    return lease
  }

  /// Keeps what the holder of `lease` loaded, if the lease is still there.
  mutating func fill(_ key: HashedKey, with lookup: Lookup, lease: Lease) {
    guard let index = slots.index(of: key), case .lease(lease, _) = slots[index].content else {
      return
    }
    drop(leaseAt: index)
    insert(key, lookup)
  }

  /// Keeps what was committed if it is newer than what is here, or may have been here.
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

  /// Evicts what is older than `revision`, and keeps nothing older from now on.
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

  /// The bytes of leases are not counted: their number is bounded.
  var statistics: CacheStatistics {
    CacheStatistics(
      keys: entries.count, keysMax: nil, bytes: bytes, bytesMax: bytesMax, hits: hits,
      misses: misses, evictions: evictions)
  }

  private func hasEnded(_ index: Int, at now: Timestamp) -> Bool {
    guard case .lease(_, let end) = slots[index].content else { return false }
    // A lease ends also if the clock was set back.
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
      // The old entry is outdated, and there is no room for the new one.
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

/// A key whose bytes are hashed once, for both the choice of the shard and the shard's table.
struct HashedKey: Hashable {
  let key: Key
  let hash: Int

  init(_ key: Key) {
    self.key = key
    hash = key.hashValue
  }

  func hash(into hasher: inout Hasher) { hasher.combine(hash) }

  static func == (left: HashedKey, right: HashedKey) -> Bool {
    left.hash == right.hash && left.key == right.key
  }
}

/// Slots in one array, found by key. Free ones are used again.
private struct SlotTable {
  struct Slot {
    var key: HashedKey
    var content: Content
    /// Neighbours in the chain that the slot is in; `next` also chains the free ones.
    var previous = SlotTable.none
    var next = SlotTable.none
  }

  enum Content {
    /// What is known of the key.
    case entry(Lookup)
    /// The holder of the lease may fill the key until `end`.
    case lease(Lease, end: Timestamp)
    case free
  }

  /// No slot.
  static let none: Int32 = -1

  private static let noKey = HashedKey(Key(trusted: []))

  private var slots: [Slot] = []
  private var indexes: [HashedKey: Int32] = [:]
  private var firstFree = SlotTable.none

  /// The slot at an index that `index(of:)` or `add` returned.
  ///
  /// `get`, not `_read`: without optimization, Swift 6.3 copies the yielded value after the
  /// coroutine has ended and its frame is freed, as the Address Sanitizer found.
  subscript(index: Int) -> Slot {
    get { slots[index] }
    _modify { yield &slots[index] }
  }

  func index(of key: HashedKey) -> Int? { indexes[key].map { Int($0) } }

  /// Adds a slot for `key`, which has none.
  mutating func add(_ key: HashedKey, _ content: Content) -> Int {
    let slot = Slot(key: key, content: content)
    let index: Int
    if firstFree == SlotTable.none {
      index = slots.count
      slots.append(slot)
    } else {
      index = Int(firstFree)
      firstFree = slots[index].next
      slots[index] = slot
    }
    indexes[key] = Int32(index)
    return index
  }

  /// Frees a slot that is in no chain any more.
  mutating func remove(_ index: Int) {
    indexes[slots[index].key] = nil
    slots[index] = Slot(
      key: SlotTable.noKey, content: .free, previous: SlotTable.none, next: firstFree)
    firstFree = Int32(index)
  }

  /// The bytes of an entry: its key, media type and value, each with an array's header of 32 bytes
  /// and 16 bytes of the allocator, its slot, and its place in the index, which is 5/8 full on
  /// average.
  static func weight(of key: Key, _ lookup: Lookup) -> Int {
    let slot = MemoryLayout<Slot>.stride + (MemoryLayout<HashedKey>.stride + 4) * 8 / 5
    guard case .found(let entry) = lookup else { return slot + 48 + key.bytes.count }
    let contentType = entry.metadata.contentType.utf8.count
    return slot + 3 * 48 + key.bytes.count + entry.value.count + contentType
  }
}

/// A doubly linked list of slots.
private struct SlotChain {
  private var first = SlotTable.none
  private var last = SlotTable.none
  private(set) var count = 0

  /// The slot that was added, or moved to the front, the longest time ago.
  var back: Int? { last == SlotTable.none ? nil : Int(last) }

  mutating func pushFront(_ index: Int, in slots: inout SlotTable) {
    let slot = Int32(index)
    slots[index].previous = SlotTable.none
    slots[index].next = first
    if first == SlotTable.none { last = slot } else { slots[Int(first)].previous = slot }
    first = slot
    count += 1
  }

  mutating func remove(_ index: Int, in slots: inout SlotTable) {
    let previous = slots[index].previous
    let next = slots[index].next
    if previous == SlotTable.none { first = next } else { slots[Int(previous)].next = next }
    if next == SlotTable.none { last = previous } else { slots[Int(next)].previous = previous }
    count -= 1
  }

  mutating func moveToFront(_ index: Int, in slots: inout SlotTable) {
    if first == Int32(index) { return }
    remove(index, in: &slots)
    pushFront(index, in: &slots)
  }
}
