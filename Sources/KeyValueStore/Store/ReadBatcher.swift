/// Natural batching of look-ups. The readers lead it themselves, as the writers do in
/// `WriteBatcher`.
///
/// Readers of one key share a look-up that has *not begun*. A reader must not join one in flight,
/// which may have read the database before a write that was acknowledged before this reader came.
/// That would break "you read your writes" and the linearizability of fresh reads.
final class ReadBatcher {
  private let database: any Database
  private let limits: StoreLimits
  private let observer: any StoreObserver
  private let tracer: (any StoreTracer)?
  private let clock: SteadyClock
  private var pending = PendingReads()
  private var inFlight = 0
  /// The expected size of a value, estimated from the last look-ups.
  private var valueBytes = 0
  /// Whether a leader is gathering. If not, readers wait only while the maximum of look-ups is in
  /// flight.
  private var isGathering = false

  init(
    database: any Database, limits: StoreLimits, observer: any StoreObserver,
    tracer: (any StoreTracer)?, clock: SteadyClock
  ) {
    self.database = database
    self.limits = limits
    self.observer = observer
    self.tracer = tracer
    self.clock = clock
  }

  var waiting: Int { pending.count }

  /// What the key holds, read by a look-up that begins after this call.
  func read(_ key: Key) async throws(StoreError) -> Lookup {
    guard pending.count < limits.pendingReadsMax else {
      observer.refused(.read)
      throw .overloaded(retryAfter: limits.retryAfter)
    }
    let origin = tracer?.current
    if isGathering || inFlight >= limits.readBatchesMax {
      let turn = await withCheckedContinuation { pending.append(key, origin, reader: $0) }
      if case .answered(let result) = turn { return try result.get() }
    } else {
      isGathering = true
      pending.appendLeader(key, origin)
    }
    return try await lead().get()
  }

  /// Makes the look-up whose first key is the leader's own.
  private func lead() async -> Result<Lookup, StoreError> {
    // Lets all readers that are runnable in this turn of the loop join.
    await Task.yield()
    let keysMax = limits.batchReadBytesMax / max(valueBytes, 1)
    let batch = pending.takeBatch(keysMax: min(max(keysMax, 1), limits.batchReadsMax))
    isGathering = false
    inFlight += 1
    handOver()
    let readers = batch.reduce(0) { $0 + $1.count }
    let results = await read(batch, readers: readers)
    inFlight -= 1
    for (item, result) in zip(batch, results) {
      for reader in item.readers { reader.resume(returning: .answered(result)) }
    }
    handOver()
    return results[0]
  }

  /// Makes the first reader that waits the leader, if another look-up may begin.
  private func handOver() {
    if pending.isEmpty || isGathering || inFlight >= limits.readBatchesMax { return }
    isGathering = true
    pending.promoteFirst().resume(returning: .lead)
  }

  /// Makes the look-up, and has it recorded if one of the requests is.
  private func read(
    _ batch: [PendingReads.Item], readers: Int
  ) async -> [Result<Lookup, StoreError>] {
    let keys = batch.map(\.key)
    guard let tracer, case let origins = batch.flatMap(\.origins), !origins.isEmpty else {
      return await read(keys, readers: readers)
    }
    return await tracer.follow(.reading(keys: keys.count), for: origins) {
      await read(keys, readers: readers)
    }
  }

  /// What the keys hold: one look-up, or several if some of the keys can't be read. It does not
  /// wait for other readers, and the caller bounds it.
  func read(_ keys: [Key], readers: Int) async -> [Result<Lookup, StoreError>] {
    let start = clock.now()
    let results = await database.read(each: keys, clock: clock)
    noteSizes(of: results.compactMap { try? $0.get() })
    observer.readBatchEnded(
      keys: keys.count, readers: readers, duration: clock.now() - start,
      error: results.lazy.compactMap(\.failure).first)
    return results
  }

  /// Adapts the estimate to larger values at once, to smaller ones gradually.
  private func noteSizes(of lookups: [Lookup]) {
    if lookups.isEmpty { return }
    let bytes = lookups.reduce(0) { $0 + ($1.entry?.value.count ?? 0) }
    valueBytes = max(bytes / lookups.count, valueBytes - valueBytes / 8)
  }
}

/// Why a waiting reader is resumed: for exactly one of these reasons, exactly once.
private enum ReadTurn: Sendable {
  /// Its look-up is done.
  case answered(Result<Lookup, StoreError>)
  /// It is the first reader that waits, and leads the next look-up.
  case lead
}

/// The keys that wait for a look-up, by arrival, and the readers of each.
private struct PendingReads {
  /// One key of the next look-up. Its first reader may have become the leader, which does not wait.
  struct Item {
    let key: Key
    var readers: [CheckedContinuation<ReadTurn, Never>] = []
    var hasLeader = false
    /// What the readers work for, as far as it is recorded.
    var origins: [TraceContext] = []

    /// Readers that wait or lead.
    var count: Int { readers.count + (hasLeader ? 1 : 0) }
  }

  private var items: [Item] = []
  /// The place of each key, counted from the first key that ever waited.
  private var places: [Key: Int] = [:]
  /// The place of the first item.
  private var firstPlace = 0
  /// Readers, not keys: several may wait for one key.
  private(set) var count = 0

  var isEmpty: Bool { items.isEmpty }

  /// Adds the key of a leader. It is the first one: without a leader, no reader waits.
  mutating func appendLeader(_ key: Key, _ origin: TraceContext?) {
    precondition(items.isEmpty, "A reader becomes the leader only when none waits")
    places[key] = firstPlace
    items.append(Item(key: key, hasLeader: true))
    if let origin { items[0].origins.append(origin) }
    count += 1
  }

  /// Adds a reader; those of one key share its look-up.
  mutating func append(
    _ key: Key, _ origin: TraceContext?, reader: CheckedContinuation<ReadTurn, Never>
  ) {
    count += 1
    let place: Int
    if let known = places[key] {
      place = known - firstPlace
      items[place].readers.append(reader)
    } else {
      place = items.count
      places[key] = firstPlace + place
      items.append(Item(key: key, readers: [reader]))
    }
    if let origin { items[place].origins.append(origin) }
  }

  /// Makes the first reader the leader. The caller resumes its continuation.
  mutating func promoteFirst() -> CheckedContinuation<ReadTurn, Never> {
    items[0].hasLeader = true
    return items[0].readers.removeFirst()
  }

  /// Removes and returns the keys of the next look-up. From now on no reader can join them.
  mutating func takeBatch(keysMax: Int) -> [Item] {
    let batch = Array(items.prefix(keysMax))
    items.removeFirst(batch.count)
    count -= batch.reduce(0) { $0 + $1.count }
    firstPlace += batch.count
    for item in batch { places[item.key] = nil }
    return batch
  }
}
