import KeyValueStore

/// How a call's queued writes become one transaction: in rounds of different keys, so that the
/// writes of one key are decided in the order of the call.
struct ApplyPlan {
  /// Statements that belong together, and where their rows are among the results.
  private enum Step {
    /// Unconditional writes of different keys.
    case bulk([QueuedWrite])
    /// One with a condition.
    case single(QueuedWrite)
  }

  private let ids: [OperationID]
  private var steps: [Step] = []

  init(_ queued: [QueuedWrite]) {
    var seen: Set<OperationID> = []
    let different = queued.filter { seen.insert($0.id).inserted }
    ids = different.map(\.id)
    var rounds: [[QueuedWrite]] = []
    var depths: [Key: Int] = [:]
    for write in different {
      let depth = depths[write.write.key, default: 0]
      depths[write.write.key] = depth + 1
      if depth == rounds.count { rounds.append([]) }
      rounds[depth].append(write)
    }
    for round in rounds { add(round) }
  }

  /// Adds steps for writes of different keys, in the order of the keys, as every transaction takes
  /// its locks. (Locking all that are there first would not do: those that are not there yet would
  /// be locked after them.) Later rounds write keys that the first has locked.
  private mutating func add(_ round: [QueuedWrite]) {
    var bulk: [QueuedWrite] = []
    for write in round.sorted(by: { $0.write.key < $1.write.key }) {
      if write.write.condition.isEmpty {
        bulk.append(write)
        continue
      }
      if !bulk.isEmpty { steps.append(.bulk(bulk)) }
      bulk = []
      steps.append(.single(write))
    }
    if !bulk.isEmpty { steps.append(.bulk(bulk)) }
  }

  /// What to send, up to one sync.
  var statements: [Statement] {
    var statements = [OperationStatements.claim(ids)]
    for step in steps {
      switch step {
      case .bulk(let writes):
        statements += [OperationStatements.apply(writes), OperationStatements.supersede(writes)]
      case .single(let write):
        statements += [
          OperationStatements.applyConditionally(write), OperationStatements.refuse(write),
        ]
      }
    }
    statements.append(OperationStatements.records(ids, within: .max))
    return statements
  }

  /// What the database says to it: the outcomes of what was decided now, and all records.
  func read(
    _ results: [ResultSet]
  ) -> (outcomes: [OperationID: WriteOutcome], records: [OperationID: OperationRecord]) {
    var claimed: Set<String> = []
    for row in 0..<results[0].count { claimed.insert(results[0].text(row, 0)) }
    var records: [OperationID: OperationRecord] = [:]
    let recorded = results[1 + 2 * steps.count]
    for row in 0..<recorded.count {
      guard let record = OperationStatements.record(recorded, row) else { continue }
      records[record.id] = record
    }
    var outcomes: [OperationID: WriteOutcome] = [:]
    for (index, step) in steps.enumerated() {
      let rows = results[1 + 2 * index]
      let writes =
        switch step {
        case .bulk(let writes): writes
        case .single(let write): [write]
        }
      var places: [Key: QueuedWrite] = [:]
      for write in writes { places[write.write.key] = write }
      for row in 0..<rows.count {
        guard let write = places[Key(trusted: rows.bytes(row, 0))] else { continue }
        let foundNothing = write.write.stored == nil && rows.number(row, 2) == 0
        outcomes[write.id] =
          foundNothing ? .notFound : EntryRow.outcome(rows, row, of: write.write)
      }
      for write in writes where claimed.contains(write.id.text) {
        guard let record = records[write.id], record.state == .preconditionFailed else { continue }
        outcomes[write.id] = .preconditionFailed(current: record.revision)
      }
    }
    return (outcomes, records)
  }
}
