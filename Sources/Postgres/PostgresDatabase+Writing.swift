internal import Basics
internal import EventLoop
public import KeyValueStore

// Writes: all of one kind in one statement and one commit.
extension PostgresDatabase {
  /// See `Database`. Each write that fails has its own error: `unavailable`, `overloaded`,
  /// `outcomeUnknown`, `tooSlow`, `rejected`.
  public func write(each writes: [Write], isPatient: Bool) async -> [WriteResult] {
    // A patient call waits for locks on a connection of its own: on a shared one, all calls behind
    // it would wait, too.
    if isPatient { return await decide(each: writes, until: .now + configuration.deadline) }
    let parts = WriteParts(writes)
    if let part = parts.only { return await write(part, of: writes) }
    var results = [WriteResult?](repeating: nil, count: writes.count)
    await withTaskGroup(of: WrittenPart.self) { group in
      for part in parts.all {
        group.addTask {
          WrittenPart(places: part.places, results: await self.write(part, of: writes))
        }
      }
      for await part in group {
        for (place, result) in zip(part.places, part.results) { results[place] = result }
      }
    }
    return results.map { $0! }
  }

  /// Some writes of a call, and their results.
  private struct WrittenPart: Sendable {
    let places: [Int]
    let results: [WriteResult]
  }

  private func write(_ part: WriteParts.Part, of writes: [Write]) async -> [WriteResult] {
    let writes = part.places.count == writes.count ? writes : part.places.map { writes[$0] }
    guard let kind = part.kind else {
      return await decide(each: writes, until: .now + configuration.deadline)
    }
    var results = [WriteResult?](repeating: nil, count: writes.count)
    // Mostly one piece: see `bulkMax`.
    await writeInPieces(
      kind, writes, Self.pieces(of: Self.groupedByKey(writes), size: bulkMax), &results)
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

  /// The least value of `bulkMax`.
  private static let bulkMin = 16

  /// A statement that failed because of one of its writes is repeated in this many pieces. After a
  /// few rounds the write at fault is alone, and most others were made in the first round.
  private static let piecesOfBulk = 8

  /// Makes writes, one piece of them after the other; a piece holds the places of writes, grouped
  /// by key. A write at fault, because the server refuses it or its key is locked, fails alone: its
  /// piece is cut into smaller ones, which are tried again behind the others, so that these do not
  /// wait for it. If many are at fault there is no time to find each of them: after the deadline
  /// the remaining writes are `tooSlow`.
  private func writeInPieces(
    _ kind: BulkWrites.Kind, _ writes: [Write], _ pieces: [[[Int]]], _ results: inout [WriteResult?]
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
        try await writePiece(kind, writes, piece, &results)
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

  /// Makes the writes of one piece, in one statement.
  private func writePiece(
    _ kind: BulkWrites.Kind, _ writes: [Write], _ groups: [[Int]], _ results: inout [WriteResult?]
  ) async throws(StoreError) {
    var groups = groups
    var retrying = Retrying(within: configuration.deadline)
    while true {
      let (rows, id) = try await commit { ticket in
        BulkWrites.query(
          kind, groups.map { places in places.map { writes[$0] } }, validUntil: ticket.validUntil,
          as: ticket.outbox)
      }
      var found = 0
      for row in rows {
        // Mostly, rows and groups are both in the order of the keys.
        if found >= groups.count || writes[groups[found][0]].key != row.key {
          found = groups.firstIndex { writes[$0[0]].key == row.key }!
        }
        var rest: Int64 = 0
        for (steps, place) in groups[found].reversed().enumerated() {
          results[place] = .success(
            row.receipt(
              of: writes[place], steps: steps, of: groups[found].count, rest: rest, outbox: id))
          rest += writes[place].amount ?? 0
        }
        found += 1
      }
      groups.removeAll { results[$0[0]] != nil }
      if !groups.isEmpty, kind.isAddition {
        // To something that is no integer, or too large for the statement.
        let places = Array(groups.joined())
        let decided = await decide(
          each: places.map { writes[$0] }, until: .now + configuration.deadline)
        for (place, result) in zip(places, decided) { results[place] = result }
        return
      }
      if !groups.isEmpty, kind != .puts {
        await explain(groups.map { $0[0] }, of: writes, &results)
        groups.removeAll { results[$0[0]] != nil }
      }
      if groups.isEmpty { return }
      // The writes came too late for the database, because its clock was set, or a row has changed
      // since.
      await pool.readClocks()
      try await pause(
        &retrying,
        after: .unavailable(cause: "database: the write came too late", retryAfter: 1))
    }
  }

  /// Finds out why writes were not made. Those whose condition holds now get no result.
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

  /// What an attempt at a statement that commits by itself depends on.
  private struct Ticket {
    /// Until when it may take effect, by the database's clock.
    let validUntil: Int64
    let outbox: OutboxID
  }

  /// Sends a statement that commits by itself until it succeeds, or the deadline has passed.
  private func commit(
    _ make: (Ticket) -> Query<BulkWrites.Written>
  ) async throws(StoreError) -> (Rows<BulkWrites.Written>, OutboxID) {
    var retrying = Retrying(within: configuration.deadline)
    while true {
      let start = ContinuousClock.now
      var commit: OutboxID?
      do throws(ExchangeError) {
        let (connection, clock) = try await pool.writer()
        let ticket = Ticket(
          validUntil: clock + configuration.writeValidity.microseconds,
          outbox: Outbox.makeID(at: clock))
        commit = ticket.outbox
        let least = pool.clock.now
        let rows = try await pool.exchange(on: connection, make(ticket))
        noteWriting(trouble: nil)
        if let time = rows.first?.updatedAt.microseconds {
          pool.clock.hear(time, least: least)
          pool.writersClock.hear(time, least: clock)
        }
        if bulkMax < Self.bulkMost { bulkMax = min(bulkMax * 2, Self.bulkMost) }
        return (rows, ticket.outbox)
      } catch {
        guard error.isConflict(inTransaction: false) else {
          if error.isOverrun { bulkMax = max(bulkMax / 2, Self.bulkMin) }
          throw await failure(error, mayBeCommitted: true, as: commit, since: start)
        }
        // Only a patient call waits for a lock: see `write(each:isPatient:)`.
        if error.isLockTimeout { throw unwritten(error) }
        try await pause(&retrying, after: unwritten(error))
      }
    }
  }
}

extension StoreError {
  /// Whether nothing was written, and one of several writes may be at fault.
  var isOfOne: Bool {
    switch self {
    case .rejected, .tooSlow: true
    default: false
    }
  }
}

/// The writes of a call, as places in it, by the way in which they are made.
private struct WriteParts {
  /// Writes that share a statement or a transaction.
  struct Part: Sendable {
    /// Nil: they take `Decisions`.
    let kind: BulkWrites.Kind?
    var places: [Int]
  }

  private(set) var all: [Part] = []

  /// A write goes into a statement if that can decide it. If the call has several writes of a key,
  /// a statement decides them only if all of them are puts without a condition, or additions
  /// without a condition that set the same.
  init(_ writes: [Write]) {
    var kinds: [Key: (kind: BulkWrites.Kind?, place: Int)] = [:]
    kinds.reserveCapacity(writes.count)
    for (place, write) in writes.enumerated() {
      let kind = BulkWrites.Kind(write, among: writes.count)
      guard let other = kinds.updateValue((kind, place), forKey: write.key) else { continue }
      guard let kind, kind == other.kind, kind.takesBoth(writes[other.place], write) else {
        kinds[write.key] = (nil, place)
        continue
      }
    }
    for (place, write) in writes.enumerated() {
      let kind = kinds[write.key]?.kind
      if let part = all.firstIndex(where: { $0.kind == kind }) {
        all[part].places.append(place)
      } else {
        all.append(Part(kind: kind, places: [place]))
      }
    }
  }

  /// The part, if there is only one.
  var only: Part? { all.count == 1 ? all[0] : nil }
}
