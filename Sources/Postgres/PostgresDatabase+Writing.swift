public import KeyValueStore

// Writes of different keys, each kind of them in one statement and one commit.
extension PostgresDatabase {
  /// See `Database`. Errors: `unavailable`, `overloaded`, `rejected`; `outcomeUnknown` also when
  /// some of the writes were carried out and others not.
  public func write(_ writes: [Write]) async throws(StoreError) -> [WriteReceipt] {
    let kinds = WriteKinds(writes)
    // By far the most calls: puts alone.
    if kinds.puts.count == writes.count {
      let outcomes = try await put(kinds.puts.map { writes[$0] })
      return outcomes.map { WriteReceipt(outcome: $0) }
    }
    var receipts = [WriteReceipt?](repeating: nil, count: writes.count)
    var failures: [StoreError] = []
    await withTaskGroup(of: WrittenPart.self) { group in
      for part in kinds.parts {
        group.addTask { await self.write(part, of: writes) }
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

  private func write(_ part: WriteKinds.Part, of writes: [Write]) async -> WrittenPart {
    do throws(StoreError) {
      let receipts =
        switch part {
        case .puts(let places):
          try await put(places.map { writes[$0] }).map { WriteReceipt(outcome: $0) }
        case .deletes(let places):
          try await delete(places.map { writes[$0].key }).map { WriteReceipt(outcome: $0) }
        case .conditional(let places):
          try await writeConditionally(places.map { writes[$0] })
            .map { WriteReceipt(outcome: $0) }
        case .idempotent(let place):
          [try await writeOnce(writes[place])]
        }
      return WrittenPart(places: part.places, result: .success(receipts))
    } catch {
      return WrittenPart(places: part.places, result: .failure(error))
    }
  }

  private func put(_ writes: [Write]) async throws(StoreError) -> [WriteOutcome] {
    let order = writes.indices.sorted { writes[$0].key < writes[$1].key }
    var outcomes = [WriteOutcome?](repeating: nil, count: writes.count)
    var places: [Key: Int] = [:]
    places.reserveCapacity(writes.count)
    for place in order { places[writes[place].key] = place }
    var left = order
    try await persist { (validity, attempt: inout Attempt) in
      [EntryStatements.put(left.map { writes[$0] }, validUntil: validity)] + attempt.settle()
    } take: { results in
      let rows = results[0]
      for row in 0..<rows.count {
        let place = places[Key(trusted: rows.bytes(row, 0))]!
        outcomes[place] = EntryRow.outcome(rows, row, of: writes[place])
      }
      left.removeAll { outcomes[$0] != nil }
      return left.isEmpty ? .done : outcomes.contains { $0 != nil } ? .partlyLate : .late
    }
    return outcomes.map { $0! }
  }

  private func delete(_ keys: [Key]) async throws(StoreError) -> [WriteOutcome] {
    var outcomes: [Key: WriteOutcome] = [:]
    var left = keys.sorted()
    try await persist { (validity, attempt: inout Attempt) in
      [EntryStatements.delete(left, validUntil: validity)] + attempt.settle()
    } take: { results in
      let rows = results[0]
      for row in 0..<rows.count {
        let revision = rows.optionalNumber(row, 1).map { Revision($0) }
        outcomes[Key(trusted: rows.bytes(row, 0))] = revision.map { .deleted($0) } ?? .notFound
      }
      left.removeAll { outcomes[$0] != nil }
      return left.isEmpty ? .done : outcomes.isEmpty ? .late : .partlyLate
    }
    return keys.map { outcomes[$0]! }
  }

  /// Each with a statement of its own, all in one commit.
  private func writeConditionally(_ writes: [Write]) async throws(StoreError) -> [WriteOutcome] {
    var outcomes = [WriteOutcome?](repeating: nil, count: writes.count)
    var left = writes.indices.sorted { writes[$0].key < writes[$1].key }
    try await persist { (validity, attempt: inout Attempt) in
      left.flatMap {
        [
          EntryStatements.write(writes[$0], validUntil: validity),
          EntryStatements.state(writes[$0].key, validUntil: validity),
        ]
      } + attempt.settle()
    } take: { results in
      for (index, place) in left.enumerated() {
        outcomes[place] = Self.outcome(
          of: writes[place], results[2 * index], state: results[2 * index + 1])
      }
      left.removeAll { outcomes[$0] != nil }
      return left.isEmpty ? .done : outcomes.contains { $0 != nil } ? .partlyLate : .late
    }
    return outcomes.map { $0! }
  }

  /// What became of a write that a statement of its own decided; nil if it came too late.
  static func outcome(
    of write: Write, _ rows: ResultSet, state: ResultSet
  ) -> WriteOutcome? {
    if rows.count > 0 { return EntryRow.outcome(rows, 0, of: write) }
    let (live, isLate) = EntryRow.state(state)
    if isLate { return nil }
    guard write.condition.holds(for: live) else { return .preconditionFailed(current: live) }
    // A delete that found nothing; or the row has changed between the two statements, so that the
    // condition did not hold and does now.
    return write.stored == nil && live == nil ? .notFound : .preconditionFailed(current: live)
  }
}

extension StoreError {
  fileprivate var isUnknown: Bool {
    if case .outcomeUnknown = self { true } else { false }
  }
}

/// The writes of a call by how they are carried out, as places in it.
struct WriteKinds {
  /// Writes that share a statement or a transaction.
  enum Part: Sendable {
    case puts([Int]), deletes([Int]), conditional([Int])
    case idempotent(Int)

    var places: [Int] {
      switch self {
      case .puts(let places), .deletes(let places), .conditional(let places): places
      case .idempotent(let place): [place]
      }
    }
  }

  private(set) var puts: [Int] = []
  private var deletes: [Int] = []
  private var conditional: [Int] = []
  private var idempotent: [Int] = []

  init(_ writes: [Write]) {
    for (place, write) in writes.enumerated() {
      if write.idempotency != nil {
        idempotent.append(place)
      } else if !write.condition.isEmpty {
        conditional.append(place)
      } else if case .delete = write.mutation {
        deletes.append(place)
      } else {
        puts.append(place)
      }
    }
  }

  /// Those that there are.
  var parts: [Part] {
    var parts: [Part] = []
    if !puts.isEmpty { parts.append(.puts(puts)) }
    if !deletes.isEmpty { parts.append(.deletes(deletes)) }
    if !conditional.isEmpty { parts.append(.conditional(conditional)) }
    return parts + idempotent.map { .idempotent($0) }
  }
}
