import KeyValueStore

/// Slots in one array, found by key; freed ones are used again.
struct SlotTable {
  /// One key's place.
  struct Slot {
    var key: HashedKey
    var content: Content
    /// Neighbours in the chain that the slot is in; `next` also chains the free ones.
    var previous = SlotTable.none
    var next = SlotTable.none
  }

  /// What a slot holds.
  enum Content {
    /// What is known of the key.
    case entry(Lookup)
    /// Somebody may fill the key until `end`.
    case lease(Lease, end: Timestamp)
    /// Nothing.
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
  /// `get`, not `_read`: Swift 6.3 without optimisation copies what was yielded after the coroutine
  /// has ended and its frame is freed, as the Address Sanitizer found.
  subscript(index: Int) -> Slot {
    get { slots[index] }
    _modify { yield &slots[index] }
  }

  func index(of key: HashedKey) -> Int? { indexes[key].map { Int($0) } }

  /// Gives `key`, which has none, a slot.
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

  /// Bytes that an entry takes: its key, media type and value with an array's header of 32 bytes
  /// each and half as much again of the allocator's, its slot, and its place in the index, which is
  /// 5/8 full on average.
  static func weight(of key: Key, _ lookup: Lookup) -> Int {
    let slot = MemoryLayout<Slot>.stride + (MemoryLayout<HashedKey>.stride + 4) * 8 / 5
    guard case .found(let entry) = lookup else { return slot + 48 + key.bytes.count }
    let contentType = entry.metadata.contentType.utf8.count
    return slot + 3 * 48 + key.bytes.count + entry.value.count + contentType
  }
}
