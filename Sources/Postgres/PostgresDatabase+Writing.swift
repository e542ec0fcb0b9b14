internal import EventLoop
public import KeyValueStore

// Writes: each kind of them in one statement and one commit.
extension PostgresDatabase {
  /// See `Database`. Each write that could not be carried out has its own error: `unavailable`,
  /// `overloaded`, `outcomeUnknown`, `tooSlow`, `rejected`.
  public func write(each writes: [Write], isPatient: Bool) async -> [WriteResult] {
    // Who is patient waits on a connection of his own: behind each other, all would.
    if isPatient { return await decide(each: writes, until: .now + configuration.deadline) }
    let parts = WriteParts(writes)
    if let part = parts.only { return await carryOut(part, of: writes) }
    var results = [WriteResult?](repeating: nil, count: writes.count)
    await withTaskGroup(of: WrittenPart.self) { group in
      for part in parts.all {
        group.addTask {
          WrittenPart(places: part.places, results: await self.carryOut(part, of: writes))
        }
      }
      for await part in group {
        for (place, result) in zip(part.places, part.results) { results[place] = result }
      }
    }
    return results.map { $0! }
  }

  /// Some writes of a call, and what became of them.
  private struct WrittenPart: Sendable {
    let places: [Int]
    let results: [WriteResult]
  }

  private func carryOut(_ part: WriteParts.Part, of writes: [Write]) async -> [WriteResult] {
    let writes = part.places.count == writes.count ? writes : part.places.map { writes[$0] }
    guard let kind = part.kind else {
      return await decide(each: writes, until: .now + configuration.deadline)
    }
    var results = [WriteResult?](repeating: nil, count: writes.count)
    // Mostly one piece: see `bulkMax`.
    await carryOut(
      kind, writes, pieces: Self.pieces(of: Self.groupedByKey(writes), size: bulkMax), &results)
    return results.map { $0! }
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

  /// A statement that waited for a lock is repeated in so many pieces: after a few of them the
  /// locked key is alone, and what is none of its business was carried out with the first.
  private static let piecesOfBulk = 8

  /// Carries out writes at places that are grouped by key, piece after piece. One that is to blame,
  /// because the server refuses it or its key is locked, fails alone: its piece is cut, and comes
  /// again behind the others, which must not wait for it. When many are, there is no time to find
  /// each of them: after the deadline what is left is `tooSlow`.
  private func carryOut(
    _ kind: BulkWrites.Kind, _ writes: [Write], pieces: [[[Int]]], _ results: inout [WriteResult?]
  ) async {
    let end = ContinuousClock.now + configuration.deadline
    var waiting = pieces
    var next = 0
    while next < waiting.count {
      let piece = waiting[next]
      let isCut = next >= pieces.count
      next += 1
      do throws(StoreError) {
        if isCut, ContinuousClock.now >= end {
          throw .tooSlow(cause: "database: many keys are being written by others")
        }
        try await carryOutAtOnce(kind, writes, piece, &results)
      } catch {
        let left = piece.filter { results[$0[0]] == nil }
        if error.isOfOne, left.count > 1, ContinuousClock.now < end {
          let size = (left.count - 1) / Self.piecesOfBulk + 1
          waiting += Self.pieces(of: left, size: size)
        } else {
          for place in left.joined() { results[place] = .failure(error) }
        }
      }
    }
  }

  private static func pieces(of groups: [[Int]], size: Int) -> [[[Int]]] {
    stride(from: 0, to: groups.count, by: size).map {
      Array(groups[$0..<min($0 + size, groups.count)])
    }
  }

  private func carryOutAtOnce(
    _ kind: BulkWrites.Kind, _ writes: [Write], _ groups: [[Int]], _ results: inout [WriteResult?]
  ) async throws(StoreError) {
    var groups = groups
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
          results[place] = .success(WriteReceipt(outcome: outcome, outbox: id))
        }
        found += 1
      }
      groups.removeAll { results[$0[0]] != nil }
      if !groups.isEmpty, kind != .puts {
        await explain(groups.map { $0[0] }, of: writes, &results)
        groups.removeAll { results[$0[0]] != nil }
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
    _ places: [Int], of writes: [Write], _ results: inout [WriteResult?]
  ) async {
    let lookups = await read(each: places.map { writes[$0].key })
    for (place, result) in zip(places, lookups) {
      let lookup: Lookup
      switch result {
      case .success(let found): lookup = found
      case .failure(let error):
        results[place] = .failure(error)
        continue
      }
      let write = writes[place]
      let live = lookup.entry?.metadata.revision
      if !write.condition.holds(for: live) {
        results[place] = .success(WriteReceipt(outcome: .preconditionFailed(current: live)))
      } else if write.stored == nil, live == nil {
        results[place] = .success(WriteReceipt(outcome: .notFound))
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
        // To wait for a lock is for the patient: see `write`.
        if error.isLockTimeout { throw unwritten(error) }
        try await pause(&retrying, after: unwritten(error))
      }
    }
  }
}

extension StoreError {
  /// Whether one of several writes may be to blame, and nothing was written.
  var isOfOne: Bool {
    switch self {
    case .rejected, .tooSlow: true
    default: false
    }
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
