/// The keys that wait to be looked up, by arrival, and who waits for each.
struct PendingReads {
  /// One key of the next look-up. Its first reader may have become the leader, who does not wait.
  struct Item {
    let key: Key
    var readers: [CheckedContinuation<ReadTurn, Never>] = []
    var hasLeader = false

    /// Readers that wait or lead.
    var count: Int { readers.count + (hasLeader ? 1 : 0) }
  }

  private var items: [Item] = []
  /// Where each key stands, counted from the first that ever waited.
  private var places: [Key: Int] = [:]
  /// The place of the first item.
  private var firstPlace = 0
  /// Readers, not keys: several may wait for one key.
  private(set) var count = 0

  var isEmpty: Bool { items.isEmpty }

  /// Adds a key for a reader that leads. It is the first: nobody waits while nobody leads.
  mutating func appendLeader(_ key: Key) {
    precondition(items.isEmpty, "A reader leads itself only when nobody waits")
    places[key] = firstPlace
    items.append(Item(key: key, hasLeader: true))
    count += 1
  }

  /// Adds a reader; those of one key share its look-up.
  mutating func append(_ key: Key, reader: CheckedContinuation<ReadTurn, Never>) {
    count += 1
    if let place = places[key] {
      items[place - firstPlace].readers.append(reader)
    } else {
      places[key] = firstPlace + items.count
      items.append(Item(key: key, readers: [reader]))
    }
  }

  /// Makes the first reader the leader; its continuation is for the caller to resume.
  mutating func promoteFirst() -> CheckedContinuation<ReadTurn, Never> {
    items[0].hasLeader = true
    return items[0].readers.removeFirst()
  }

  /// Takes the next look-up's keys. From now on no reader can join them.
  mutating func takeBatch(keysMax: Int) -> [Item] {
    let batch = Array(items.prefix(keysMax))
    items.removeFirst(batch.count)
    count -= batch.reduce(0) { $0 + $1.count }
    firstPlace += batch.count
    for item in batch { places[item.key] = nil }
    return batch
  }
}
