package import KeyValueStore

/// A process's way to the simulated database. It fails as the real ones do: see `Odds`.
package class DatabaseConnection: SharedDatabase {
  let server: SimulatedDatabase
  let process: Process
  /// The commits whose changes the feed can't lose any more.
  package let published: PublishedChanges
  /// How queued writes are applied.
  var applyRules: Tables.ApplyRules { Tables.ApplyRules() }
  private var heard = HeardClock()
  private var stage: Stage { process.stage }

  package required init(
    to server: SimulatedDatabase, of process: Process, published: PublishedChanges
  ) {
    self.server = server
    self.process = process
    self.published = published
  }

  /// The time of day, by the database's clock; until it was heard, by that of the machine.
  package var clock: Timestamp { heard.now(at: stage.simulator.elapsed) ?? process.machineTime }

  // MARK: Calls

  /// What a call does if it fails.
  private enum Kind {
    /// Nothing: it may be repeated.
    case read
    /// It commits. It may find its keys locked, unless it waits for them.
    case commit(isPatient: Bool)
    /// It would commit what the database refuses for good.
    case refused
  }

  private static let away = StoreError.unavailable(cause: "no database", retryAfter: 1)
  private static let locked = StoreError.tooSlow(cause: "another transaction holds a key")

  /// Sends a call, has it carried out, and brings its answer back; or fails on the way.
  private func call<Result>(
    _ name: String, _ kind: Kind, _ body: (OutboxID) throws(StoreError) -> Result
  ) async throws(StoreError) -> Result {
    let (odds, chance) = (stage.odds, stage.chance)
    let least = heard.now(at: stage.simulator.elapsed)
    guard process.isAlive else { throw Self.away }
    await stage.travel()
    if chance.oneIn(odds.delays) { await stage.simulator.pause(for: chance.milliseconds(20...800)) }
    // The call of a process that has died meanwhile may be under way already.
    if server.isDown || chance.oneIn(odds.refusals) || !process.isAlive && chance.oneIn(2) {
      stage.note("\(process.name) \(name): refused")
      throw Self.away
    }
    let id = server.makeID()
    if case .commit(let isPatient) = kind {
      if !isPatient, chance.oneIn(odds.locks) {
        stage.note("\(process.name) \(name): locked")
        throw Self.locked
      }
      if chance.oneIn(odds.lostRequests) {
        stage.note("\(process.name) \(name): lost")
        // Reported only when it can't take effect any more.
        await stage.simulator.pause(for: .seconds(2))
        throw .outcomeUnknown(cause: "lost", commit: id)
      }
    }
    stage.note("\(process.name) \(name)")
    if case .refused = kind { throw .rejected(cause: "the database refuses it") }
    let result = try body(id)
    let time = server.now
    await stage.travel()
    if case .commit = kind, chance.oneIn(odds.lostReplies) || !process.isAlive {
      stage.note("\(process.name) \(name): the reply is lost")
      throw .outcomeUnknown(cause: "lost", commit: id)
    }
    guard process.isAlive else { throw Self.away }
    heard.hear(time, least: least, at: stage.simulator.elapsed)
    return result
  }

  private func read<Result>(
    _ name: String, _ body: (Tables, Timestamp) -> Result
  ) async throws(StoreError) -> Result {
    try await call(name, .read) { _ throws(StoreError) in body(server.tables, server.now) }
  }

  private func commit<Result>(
    _ name: String, of keys: [Key] = [], isPatient: Bool = false,
    _ body: (inout Tables, Timestamp) -> Result
  ) async throws(StoreError) -> (result: Result, id: OutboxID?) {
    let isRefused = keys.contains(SimulatedDatabase.refusedKey)
    return try await call(
      name, isRefused ? .refused : .commit(isPatient: isPatient)
    ) { id throws(StoreError) in
      server.commit(as: id, body)
    }
  }

  private func change(
    _ name: String, _ body: @escaping (inout Tables) -> Void
  ) async throws(StoreError) {
    try await call(name, .commit(isPatient: true)) { _ throws(StoreError) in server.change(body) }
  }

  // MARK: Database

  package func read(_ keys: [Key]) async throws(StoreError) -> [Lookup] {
    try await read("reads \(keys.map(\.text))") { tables, now in
      keys.map { tables.lookup($0, at: now) }
    }
  }

  /// In one commit or in several, each of which fails alone.
  package func write(each writes: [Write], isPatient: Bool) async -> [WriteResult] {
    var results = [WriteResult?](repeating: nil, count: writes.count)
    for places in parts(of: writes) {
      do throws(StoreError) {
        let keys = places.map { writes[$0].key }
        let (receipts, id) = try await commit(
          "writes \(keys.map(\.text))", of: keys, isPatient: isPatient
        ) { tables, now in places.map { tables.write(writes[$0], at: now) } }
        for (place, receipt) in zip(places, receipts) {
          let hasChanged = receipt.outcome.hasWritten && !receipt.isReplayed
          results[place] = .success(
            WriteReceipt(
              outcome: receipt.outcome, isReplayed: receipt.isReplayed,
              outbox: hasChanged ? id : nil, previous: receipt.previous))
        }
      } catch {
        for place in places { results[place] = .failure(error) }
      }
    }
    return results.map { $0! }
  }

  /// The writes of a key stay together and in order.
  private func parts(of writes: [Write]) -> [[Int]] {
    let isWhole = stage.chance.oneIn(2)
    var parts: [[Int]] = []
    for (place, write) in writes.enumerated() {
      // What the database refuses fails alone.
      let part = parts.firstIndex { other in
        let key = writes[other[0]].key
        return key == write.key
          || isWhole && ![key, write.key].contains(SimulatedDatabase.refusedKey)
      }
      if let part { parts[part].append(place) } else { parts.append([place]) }
    }
    return parts
  }

  package func execute(_ batch: Batch) async throws(StoreError) -> BatchReceipt {
    let (receipt, id) = try await commit("executes a batch", isPatient: true) {
      $0.execute(batch, at: $1)
    }
    return BatchReceipt(
      outcome: receipt.outcome, isReplayed: receipt.isReplayed, outbox: id,
      previous: receipt.previous)
  }

  package func list(_ request: PageRequest) async throws(StoreError) -> Page {
    try await read("lists") { $0.list(request, at: $1) }
  }

  package func count(
    prefix: [UInt8], within limit: Duration
  ) async throws(StoreError) -> LiveCount {
    let request = PageRequest(prefix: prefix, entriesMax: .max)
    let count = try await read("counts") { $0.list(request, at: $1).items.count }
    let isShort = count > 1_000 && limit == .zero
    return LiveCount(isShort ? 1_000 : count, isAtLeast: isShort)
  }

  package func apply(_ queued: [QueuedWrite]) async throws(StoreError) -> [AppliedWrite] {
    if queued.isEmpty { return [] }
    let names = queued.map { "\($0.write.key.text) of \($0.acceptedAt.microseconds)" }
    let (applied, id) = try await commit(
      "applies \(names)", of: queued.map(\.write.key)
    ) { tables, now in
      queued.map { tables.apply($0, at: now, rules: applyRules) }
    }
    return applied.map { write in
      var write = write
      if write.outcome?.hasWritten == true { write.outbox = id }
      return write
    }
  }

  package func operation(_ id: OperationID) async throws(StoreError) -> OperationRecord? {
    try await read("asks for an operation") { $0.operation(id, at: $1) }
  }

  package func purgeExpired(limit: Int) async throws(StoreError) -> OutboxBatch {
    let (changes, id) = try await commit("purges what has expired") {
      $0.purgeExpired(limit: limit, at: $1)
    }
    return OutboxBatch(id: id, changes: changes)
  }

  package func purgeRetained(limit: Int) async throws(StoreError) -> Int {
    try await commit("purges old records") { $0.purgeRetained(limit: limit, at: $1) }.result
  }

  package func checkHealth() async throws(StoreError) { try await read("checks") { _, _ in } }

  // MARK: SharedDatabase

  package func unpublished(
    olderThan age: Duration, limit: Int
  ) async throws(StoreError) -> [OutboxBatch] {
    await settlePublished()
    return try await read("searches the outbox") { tables, now in
      tables.outbox.unpublished(
        until: now.adding(microseconds: -age.microseconds), limit: limit)
    }
  }

  /// Removes the commits that the feed has. Also called after each confirm of the feed.
  func settlePublished() async {
    let ids = published.take(limit: 1_000)
    if ids.isEmpty { return }
    do throws(StoreError) {
      try await change("removes \(ids.count) of the outbox") { $0.outbox.remove(ids) }
    } catch {
      published.add(ids)
    }
  }

  package func settle(_ ids: [OutboxID]) async throws(StoreError) {
    try await change("settles \(ids.count)") { $0.outbox.settle(ids) }
  }

  package func requestRepair(after ids: [OutboxID]) async throws(StoreError) {
    try await change("requests a repair") { $0.outbox.requestRepair(ids) }
  }

  package func repairRequests(limit: Int) async throws(StoreError) -> [OutboxBatch] {
    try await read("asks for repairs") { tables, _ in tables.outbox.repairRequests(limit: limit) }
  }

  package func endRepair(after ids: [OutboxID]) async throws(StoreError) {
    try await change("ends a repair") { $0.outbox.endRepair(ids) }
  }

  package func areRepaired(_ ids: [OutboxID]) async throws(StoreError) -> Bool {
    try await read("asks if it is repaired") { tables, _ in tables.outbox.areRepaired(ids) }
  }

  package func recordFailures(of ids: [OperationID]) async throws(StoreError) {
    try await change("records failures") { [server] tables in
      for id in ids where tables.operations[id] == nil {
        tables.operations[id] = OperationRecord(
          id: id, state: .failed, revision: nil, updatedAt: server.now)
      }
    }
  }
}
