internal import EventLoop
public import KeyValueStore

// Look-ups, records, health. A read that takes too long is cancelled, and made smaller.
extension PostgresDatabase {
  /// See `Database`. Errors: `unavailable`, `overloaded`, `tooSlow`.
  public func read(_ keys: [Key]) async throws(StoreError) -> [Lookup] {
    guard !keys.isEmpty else { return [] }
    let isDivisible = keys.count > 1
    let rows = try await readShared(Entries.lookUp(keys), isDivisible: isDivisible)
    if keys.count == 1, let row = rows.first, case .small(let lookup) = row.content {
      return [lookup]
    }
    var found: [Key: Lookup] = [:]
    found.reserveCapacity(rows.count)
    var large: [Metadata] = []
    for row in rows {
      switch row.content {
      case .small(let lookup): found[row.key] = lookup
      case .large(let metadata): large.append(metadata)
      }
    }
    while !large.isEmpty {
      var bytes = 0
      let end = large.firstIndex { metadata in
        bytes += metadata.size
        return bytes > Entries.bytesMax
      }
      let part = large.prefix(max(end ?? large.count, 1))
      large.removeFirst(part.count)
      let query = Entries.lookUp(part.map(\.key), valueBytesMax: .max)
      for row in try await readShared(query, isDivisible: isDivisible) {
        if case .small(let lookup) = row.content { found[row.key] = lookup }
      }
    }
    return keys.map { found[$0] ?? .absent(.none) }
  }

  /// See `Database`. Errors: `unavailable`, `overloaded`.
  public func operation(_ id: OperationID) async throws(StoreError) -> OperationRecord? {
    let age = configuration.retentionSeconds * 1_000_000
    return try await readShared(Records.operations([id], within: age)).first ?? nil
  }

  /// The time by the database's clock, in µs since 1970. Errors: `unavailable`, `overloaded`.
  func readClock() async throws(StoreError) -> Int64 {
    try await readApart([SQL.clockReading])[0][0]
  }

  // MARK: Health

  /// See `Database`. Asks on the writing connection whether the server takes writes. If it has
  /// refused one for want of space, or because it was read-only, tries a write and undoes it.
  /// Errors: `unavailable`.
  public func checkHealth() async throws(StoreError) {
    var retrying = Retrying(within: configuration.deadline)
    while true {
      do throws(ExchangeError) {
        return try await checkWriting()
      } catch {
        guard case .closed = error else { throw unwritten(error) }
        try await pause(&retrying, after: unwritten(error))
      }
    }
  }

  private func checkWriting() async throws(ExchangeError) {
    let (connection, _) = try await pool.writer()
    if try await pool.exchange(on: connection, Self.isReadOnly).first == true {
      throw ExchangeError.notSent("the server takes no writes: it is read-only")
    }
    guard let trouble = writingTrouble else { return }
    guard try await canWrite() else {
      throw ExchangeError.notSent("the server takes no writes: \(trouble)")
    }
    noteWriting(trouble: nil)
  }

  /// Reads a table, too: a server that has lost its tables is not healthy.
  private static let isReadOnly = Query(
    "SELECT current_setting('transaction_read_only'), max(version) FROM migrations"
  ) { $0.text(0) == "on" }

  /// Tries a write, and undoes it.
  private func canWrite() async throws(ExchangeError) -> Bool {
    let loan = try await pool.lendForTransaction()
    let probe = Change(key: Key(trusted: []), revision: .none, kind: .delete)
    let time = Timestamp(microseconds: 0)
    do throws(ExchangeError) {
      _ = try await pool.exchange(
        on: loan.connection,
        [
          Statement("BEGIN"),
          Outbox.insertion([probe], as: OutboxID(committedAt: time, number: 0), at: time),
          Statement("ROLLBACK"),
        ])
      await pool.takeBack(loan, isClean: true)
      return true
    } catch {
      await pool.takeBack(loan, isClean: false)
      return false
    }
  }

  // MARK: Attempts

  /// Reads on the connection that all look-ups share; again if the connection was lost, because
  /// reading twice does no harm.
  private func readShared<Row>(
    _ query: Query<Row>, isDivisible: Bool = false
  ) async throws(StoreError) -> Rows<Row> {
    try await retryingReads(isDivisible: isDivisible) { () async throws(ExchangeError) in
      try await pool.exchange(on: try await pool.reader(), query)
    }
  }

  /// Reads on a connection of the call's own, for queries that may take long; again if the
  /// connection was lost. Returns the rows of each query.
  func readApart<Row>(
    _ queries: [Query<Row>], within limit: Duration? = nil
  ) async throws(StoreError) -> [Rows<Row>] {
    try await retryingReads { () async throws(ExchangeError) in
      let loan = try await pool.lendForQuery()
      do throws(ExchangeError) {
        let results = try await pool.exchange(
          on: loan.connection, queries.map(\.statement), within: limit)
        await pool.takeBack(loan, isClean: true)
        return zip(queries, results).map { $0.rows(of: $1) }
      } catch {
        await pool.takeBack(loan, isClean: true)
        throw error
      }
    }
  }

  /// `isDivisible`: the caller can ask for less at a time (`tooSlow`), and does so rather than wait
  /// for another session that is writing one of the rows.
  private func retryingReads<Result>(
    isDivisible: Bool = false, _ body: () async throws(ExchangeError) -> Result
  ) async throws(StoreError) -> Result {
    var retrying = Retrying(within: configuration.deadline)
    while true {
      do throws(ExchangeError) {
        return try await body()
      } catch {
        guard error.isWorthReadingAgain, !(isDivisible && error.isLockTimeout) else {
          throw unwritten(error)
        }
        try await pause(&retrying, after: unwritten(error))
      }
    }
  }
}
