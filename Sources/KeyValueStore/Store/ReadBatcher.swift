/// Natural batching of look-ups, led by the readers themselves as `WriteBatcher` is by the writers.
///
/// Readers of one key share a look-up that has *not begun*. One that is in flight may have read the
/// database before a write that was acknowledged before this reader came: joining it would break
/// "you read your writes" and the linearizability of fresh reads.
final class ReadBatcher {
  private let database: any Database
  private let limits: StoreLimits
  private let observer: any StoreObserver
  private var pending = PendingReads()
  private var inFlight = 0
  /// Bytes of a value, going by the last look-ups: values are not known before they are read.
  private var valueBytes = 0
  /// Whether a leader is gathering. While nobody is, readers wait only if all look-ups are in
  /// flight.
  private var isGathering = false

  init(database: any Database, limits: StoreLimits, observer: any StoreObserver) {
    self.database = database
    self.limits = limits
    self.observer = observer
  }

  var waiting: Int { pending.count }

  /// What the key holds, read by a look-up that begins after this call.
  func read(_ key: Key) async throws(StoreError) -> Lookup {
    guard pending.count < limits.pendingReadsMax else {
      observer.refused(.read)
      throw .overloaded(retryAfter: limits.retryAfter)
    }
    if isGathering || inFlight >= limits.readBatchesMax {
      let turn = await withCheckedContinuation { pending.append(key, reader: $0) }
      if case .answered(let result) = turn { return try result.get() }
    } else {
      isGathering = true
      pending.appendLeader(key)
    }
    return try await lead().get()
  }

  /// Carries out the look-up whose first key is the leader's own.
  private func lead() async -> Result<Lookup, StoreError> {
    // Lets all readers that are runnable in this turn of the loop join.
    await Task.yield()
    let keysMax = limits.batchReadBytesMax / max(valueBytes, 1)
    let batch = pending.takeBatch(keysMax: min(max(keysMax, 1), limits.batchReadsMax))
    isGathering = false
    inFlight += 1
    handOn()
    let results = await look(up: batch)
    inFlight -= 1
    for (item, result) in zip(batch, results) {
      for reader in item.readers { reader.resume(returning: .answered(result)) }
    }
    handOn()
    return results[0]
  }

  /// Lets the first reader that waits lead, if another look-up may begin.
  private func handOn() {
    if pending.isEmpty || isGathering || inFlight >= limits.readBatchesMax { return }
    isGathering = true
    pending.promoteFirst().resume(returning: .lead)
  }

  /// One look-up, or several if some of its keys can't be read.
  private func look(up batch: [PendingReads.Item]) async -> [Result<Lookup, StoreError>] {
    let readers = batch.reduce(0) { $0 + $1.count }
    let start = ContinuousClock.now
    let results = await database.read(each: batch.map(\.key))
    noteSizes(of: results.compactMap { try? $0.get() })
    observer.readBatchEnded(
      keys: batch.count, readers: readers, duration: ContinuousClock.now - start,
      error: results.lazy.compactMap(\.failure).first)
    return results
  }

  /// Follows larger values at once, smaller ones by and by.
  private func noteSizes(of lookups: [Lookup]) {
    if lookups.isEmpty { return }
    let bytes = lookups.reduce(0) { $0 + ($1.entry?.value.count ?? 0) }
    valueBytes = max(bytes / lookups.count, valueBytes - valueBytes / 8)
  }
}
