internal import EventLoop
public import KeyValueStore

// Writes: each kind of them in one statement and one commit.
extension PostgresDatabase {
  /// See `Database`. Errors: `unavailable`, `overloaded`, `rejected`; `outcomeUnknown` also when
  /// some of the writes were carried out and others not.
  public func write(_ writes: [Write]) async throws(StoreError) -> [WriteReceipt] {
    let parts = WriteParts(writes)
    if let part = parts.only { return try await carryOut(part, of: writes) }
    var receipts = [WriteReceipt?](repeating: nil, count: writes.count)
    var failures: [StoreError] = []
    await withTaskGroup(of: WrittenPart.self) { group in
      for part in parts.all {
        group.addTask { await self.tryToCarryOut(part, of: writes) }
      }
      for await part in group {
        switch part.result {
        case .success(let results):
          for (place, receipt) in zip(part.places, results) { receipts[place] = receipt }
        case .failure(let error): failures.append(error)
        }
      }
    }
    guard let failure = failures.first else { return receipts.map { $0! } }
    let isPartial = receipts.contains { $0 != nil }
    throw isPartial
      ? .outcomeUnknown(cause: failure.cause) : failures.first { $0.isUnknown } ?? failure
  }

  /// Some writes of a call, and what became of them.
  private struct WrittenPart: Sendable {
    let places: [Int]
    let result: Result<[WriteReceipt], StoreError>
  }

  private func tryToCarryOut(_ part: WriteParts.Part, of writes: [Write]) async -> WrittenPart {
    do throws(StoreError) {
      return WrittenPart(
        places: part.places, result: .success(try await carryOut(part, of: writes)))
    } catch {
      return WrittenPart(places: part.places, result: .failure(error))
    }
  }

  private func carryOut(
    _ part: WriteParts.Part, of writes: [Write]
  ) async throws(StoreError) -> [WriteReceipt] {
    let writes = part.places.count == writes.count ? writes : part.places.map { writes[$0] }
    guard let kind = part.kind else { return try await decide(writes) }
    var receipts = [WriteReceipt?](repeating: nil, count: writes.count)
    let groups = Self.groupedByKey(writes)
    // Mostly one piece: see `bulkMax`.
    for start in stride(from: 0, to: groups.count, by: bulkMax) {
      let piece = groups[start..<min(start + bulkMax, groups.count)]
      do throws(StoreError) {
        try await carryOut(kind, writes, piece, &receipts)
      } catch {
        let isPartial = receipts.contains { $0?.outcome.hasWritten == true }
        throw isPartial ? .outcomeUnknown(cause: error.cause) : error
      }
    }
    return receipts.map { $0! }
  }

  /// The places of each key's writes, in their order; keys in byte order.
  private static func groupedByKey(_ writes: [Write]) -> [[Int]] {
    let order = writes.indices.sorted {
      writes[$0].key == writes[$1].key ? $0 < $1 : writes[$0].key < writes[$1].key
    }
    var groups: [[Int]] = []
    groups.reserveCapacity(order.count)
    for place in order {
      if let last = groups.last?.last, writes[last].key == writes[place].key {
        groups[groups.count - 1].append(place)
      } else {
        groups.append([place])
      }
    }
    return groups
  }

  /// Carries out the writes at places that are grouped by key.
  private func carryOut(
    _ kind: BulkWrites.Kind, _ writes: [Write], _ groups: ArraySlice<[Int]>,
    _ receipts: inout [WriteReceipt?]
  ) async throws(StoreError) {
    var groups = Array(groups)
    var retrying = Retrying(within: configuration.deadline)
    while true {
      let (rows, id) = try await persist { ticket in
        BulkWrites.statement(
          kind, groups.map { places in places.map { writes[$0] } }, validUntil: ticket.validUntil,
          as: ticket.outbox)
      }
      var found = 0
      for row in 0..<rows.count {
        // Both are in the order of the keys, mostly.
        let key = BulkWrites.key(rows, row)
        if found >= groups.count || writes[groups[found][0]].key != key {
          found = groups.firstIndex { writes[$0[0]].key == key }!
        }
        for (steps, place) in groups[found].reversed().enumerated() {
          let outcome = BulkWrites.outcome(rows, row, of: writes[place], steps: Int64(steps))
          receipts[place] = WriteReceipt(outcome: outcome, outbox: id)
        }
        found += 1
      }
      groups.removeAll { receipts[$0[0]] != nil }
      if !groups.isEmpty, kind != .puts {
        try await explain(groups.map { $0[0] }, of: writes, &receipts)
        groups.removeAll { receipts[$0[0]] != nil }
      }
      if groups.isEmpty { return }
      // They came too late for the database: its clock was set. Or a row has changed since.
      await pool.readClocks()
      try await pause(
        &retrying,
        after: .unavailable(cause: "database: the write came too late", retryAfter: 1))
    }
  }

  /// Finds out why writes were not carried out; leaves alone those for which nothing speaks
  /// against it now.
  private func explain(
    _ places: [Int], of writes: [Write], _ receipts: inout [WriteReceipt?]
  ) async throws(StoreError) {
    let lookups = try await read(places.map { writes[$0].key })
    for (place, lookup) in zip(places, lookups) {
      let write = writes[place]
      let live = lookup.entry?.metadata.revision
      if !write.condition.holds(for: live) {
        receipts[place] = WriteReceipt(outcome: .preconditionFailed(current: live))
      } else if write.stored == nil, live == nil {
        receipts[place] = WriteReceipt(outcome: .notFound)
      }
    }
  }

  /// What a statement that commits by itself is given.
  struct Ticket {
    /// Until when it may take effect, by the database's clock.
    let validUntil: Int64
    let outbox: OutboxID
  }

  /// Sends a statement that commits by itself until it is carried out, or the deadline has passed.
  private func persist(
    _ make: (Ticket) -> Statement
  ) async throws(StoreError) -> (ResultSet, OutboxID) {
    var retrying = Retrying(within: configuration.deadline)
    while true {
      let start = ContinuousClock.now
      var commit: OutboxID?
      do throws(ExchangeError) {
        let (connection, clock) = try await pool.writer()
        let ticket = Ticket(
          validUntil: clock + configuration.writeValidity / .microseconds(1),
          outbox: Outbox.makeID(at: clock))
        commit = ticket.outbox
        let least = pool.clock.now
        let results = try await pool.exchange(on: connection, [make(ticket)])
        noteWriting(trouble: nil)
        if let time = BulkWrites.time(results[0]) {
          pool.clock.hear(time, least: least)
          pool.writersClock.hear(time, least: clock)
        }
        if bulkMax < Self.bulkMost { bulkMax = min(bulkMax * 2, Self.bulkMost) }
        return (results[0], ticket.outbox)
      } catch {
        guard error.isConflict(inTransaction: false) else {
          if error.isOverrun { bulkMax = max(bulkMax / 2, Self.bulkMin) }
          throw await failure(error, mayBeCommitted: true, as: commit, since: start)
        }
        try await pause(&retrying, after: unwritten(error))
      }
    }
  }
}

extension StoreError {
  fileprivate var isUnknown: Bool {
    if case .outcomeUnknown = self { true } else { false }
  }
}

/// The writes of a call by how they are carried out, as places in it.
struct WriteParts {
  /// Writes that share a statement or a transaction.
  struct Part: Sendable {
    /// Nil: it takes `Decisions`.
    let kind: BulkWrites.Kind?
    var places: [Int]
  }

  private(set) var all: [Part] = []

  /// A write goes into a statement where that can decide it and the key's others of the call, if
  /// there are any: that is, if all of them are puts without a condition.
  init(_ writes: [Write]) {
    var kinds: [Key: BulkWrites.Kind?] = [:]
    kinds.reserveCapacity(writes.count)
    for write in writes {
      let kind = BulkWrites.Kind(write)
      let others = kinds.updateValue(kind, forKey: write.key)
      if let others, others != .puts || kind != .puts { kinds[write.key] = .some(nil) }
    }
    for (place, write) in writes.enumerated() {
      let kind = kinds[write.key] ?? nil
      if let part = all.firstIndex(where: { $0.kind == kind }) {
        all[part].places.append(place)
      } else {
        all.append(Part(kind: kind, places: [place]))
      }
    }
  }

  /// The only part; nil: there are several.
  var only: Part? { all.count == 1 ? all[0] : nil }
}
