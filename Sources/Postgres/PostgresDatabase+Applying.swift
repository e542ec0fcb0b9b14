public import KeyValueStore

// What kv-worker asks for.
extension PostgresDatabase {
  /// See `Database`. One transaction. Errors: `unavailable`, `overloaded`, `outcomeUnknown`;
  /// `rejected` if one of the writes can never be applied: then none was.
  public func apply(_ queued: [QueuedWrite]) async throws(StoreError) -> [AppliedWrite] {
    guard !queued.isEmpty else { return [] }
    let plan = ApplyPlan(queued)
    var outcomes: [OperationID: WriteOutcome] = [:]
    var records: [OperationID: OperationRecord] = [:]
    try await persist { (_, attempt: inout Attempt) in
      plan.statements + attempt.settle()
    } take: { results in
      (outcomes, records) = plan.read(results)
      return .done
    }
    return queued.map { write in
      guard let record = records[write.id] else {
        preconditionFailure("Every operation has a record after it was applied")
      }
      // A second delivery in the same call wrote nothing.
      return AppliedWrite(record: record, outcome: outcomes.removeValue(forKey: write.id))
    }
  }

  /// See `SharedDatabase`. Errors: `unavailable`, `overloaded`, `outcomeUnknown`.
  public func recordFailures(of ids: [OperationID]) async throws(StoreError) {
    try await persist { (_, _) in
      [OperationStatements.fail(ids)]
    } take: { _ in
      .done
    }
  }

  /// See `SharedDatabase`. Errors: `unavailable`, `overloaded`.
  public func unpublished(
    olderThan age: Duration, limit: Int
  ) async throws(StoreError) -> [UnpublishedChange] {
    let rows = try await look {
      [UpkeepStatements.unpublished(olderThan: age / .microseconds(1), limit: limit)]
    }[0]
    return (0..<rows.count).map { UpkeepStatements.unpublished(rows, $0) }
  }

  /// See `SharedDatabase`. Errors: `unavailable`, `overloaded`, `outcomeUnknown`.
  public func settle(_ rows: [PublishedChanges.Row]) async throws(StoreError) {
    try await persist { (_, _) in
      [UpkeepStatements.settle(rows)]
    } take: { _ in
      .done
    }
  }

  /// Settles what was published while nothing was written: a write would have done it on its way.
  func settleWhenIdle() async {
    while !Task.isCancelled {
      try? await Task.sleep(for: .milliseconds(500))
      if published.count == 0 { continue }
      try? await persist { (_, attempt: inout Attempt) in
        attempt.settle()
      } take: { _ in
        .done
      }
    }
  }

  /// See `Database`. Errors: `unavailable`, `overloaded`, `outcomeUnknown`.
  public func purgeExpired(limit: Int) async throws(StoreError) -> [Change] {
    var changes: [Change] = []
    try await persist { (_, _) in
      [UpkeepStatements.expire(limit: limit)]
    } take: { results in
      let rows = results[0]
      changes = (0..<rows.count).map { row in
        Change(
          key: Key(trusted: rows.bytes(row, 0)), revision: Revision(rows.number(row, 1)),
          kind: .expire)
      }
      return .done
    }
    return changes
  }

  /// See `Database`. Errors: `unavailable`, `overloaded`, `outcomeUnknown`.
  public func purgeRetained(limit: Int) async throws(StoreError) -> Int {
    let age = configuration.retentionSeconds * 1_000_000
    var gone = 0
    for kind in UpkeepStatements.retained where gone < limit {
      try await persist { (_, _) in
        [UpkeepStatements.purge(kind, olderThan: age, limit: limit - gone)]
      } take: { results in
        gone += Int(results[0].number(0, 0))
        return .done
      }
    }
    return gone
  }
}
