internal import EventLoop
public import KeyValueStore

// Look-ups, lists, records, health. What takes too long is cancelled, and made smaller.
extension PostgresDatabase {
  /// See `Database`. Errors: `unavailable`, `overloaded`, `tooSlow`.
  public func read(_ keys: [Key]) async throws(StoreError) -> [Lookup] {
    guard !keys.isEmpty else { return [] }
    let isDivisible = keys.count > 1
    let rows = try await look(isDivisible: isDivisible) { LookUp.statement(keys) }
    if keys.count == 1, rows.count == 1, case .small(let lookup) = LookUp.row(rows, 0).found {
      return [lookup]
    }
    var found: [Key: Lookup] = [:]
    found.reserveCapacity(rows.count)
    var large: [Metadata] = []
    for row in 0..<rows.count {
      let (key, content) = LookUp.row(rows, row)
      switch content {
      case .small(let lookup): found[key] = lookup
      case .large(let metadata): large.append(metadata)
      }
    }
    while !large.isEmpty {
      var bytes = 0
      let end = large.firstIndex { metadata in
        bytes += metadata.size
        return bytes > LookUp.bytesMax
      }
      let part = large.prefix(max(end ?? large.count, 1))
      large.removeFirst(part.count)
      let rows = try await look(isDivisible: isDivisible) {
        LookUp.statement(part.map(\.key), valueBytesMax: .max)
      }
      for row in 0..<rows.count {
        let (key, content) = LookUp.row(rows, row)
        if case .small(let lookup) = content { found[key] = lookup }
      }
    }
    return keys.map { found[$0] ?? .absent(.none) }
  }

  /// See `Database`. A page that takes too long becomes a much shorter one, once: the door waits
  /// for a read for 5 s, and takes a server that needs more for a dead one. Errors: `unavailable`,
  /// `overloaded`, `tooSlow`.
  public func list(_ request: PageRequest) async throws(StoreError) -> Page {
    var entriesMax = request.entriesMax
    let end = ContinuousClock.now + configuration.deadline * 3 / 2
    while true {
      do throws(StoreError) {
        let rows = try await query { [Listing.statement(request, entriesMax: entriesMax)] }[0]
        var items: [Page.Item] = []
        for row in 0..<min(rows.count, entriesMax) {
          guard let item = Listing.item(rows, row, includesValues: request.includesValues) else {
            break
          }
          items.append(item)
        }
        return Page(items: items, hasMore: rows.count > items.count)
      } catch {
        guard case .tooSlow = error, entriesMax > 1, ContinuousClock.now < end else { throw error }
        entriesMax = max(entriesMax / 32, 1)
      }
    }
  }

  /// See `Database`. Errors: `unavailable`, `overloaded`.
  public func operation(_ id: OperationID) async throws(StoreError) -> OperationRecord? {
    let age = configuration.retentionSeconds * 1_000_000
    let rows = try await look { Operations.records([id], within: age) }
    return rows.count == 0 ? nil : Operations.record(rows, 0)
  }

  /// See `Database`. Whether it takes writes is asked where writes go; after one was refused for
  /// want of space or because the server only reads, by a write that is undone. Errors:
  /// `unavailable`.
  public func checkHealth() async throws(StoreError) {
    do throws(ExchangeError) {
      let (connection, _) = try await pool.writer()
      let rows = try await pool.exchange(
        on: connection,
        [Statement("SELECT current_setting('transaction_read_only'), max(version) FROM migrations")]
      )[0]
      if rows.text(0, 0) == "on" {
        throw ExchangeError.notSent("the server takes no writes: it is read-only")
      }
      guard let trouble = writingTrouble else { return }
      guard try await canWrite() else {
        throw ExchangeError.notSent("the server takes no writes: \(trouble)")
      }
      noteWriting(trouble: nil)
    } catch {
      throw failed(unwritten(error))
    }
  }

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

  /// Reads on the connection that all look-ups share; again if the connection was lost, as reading
  /// twice does no harm.
  private func look(
    isDivisible: Bool = false, _ make: () -> Statement
  ) async throws(StoreError) -> ResultSet {
    try await retryingReads(isDivisible: isDivisible) { () async throws(ExchangeError) in
      try await pool.exchange(on: try await pool.reader(), [make()])[0]
    }
  }

  /// Asks what may take long on a connection of its own; again if the connection was lost.
  func query(_ make: () -> [Statement]) async throws(StoreError) -> [ResultSet] {
    try await retryingReads { () async throws(ExchangeError) in
      let loan = try await pool.lendForQuery()
      do throws(ExchangeError) {
        let results = try await pool.exchange(on: loan.connection, make())
        await pool.takeBack(loan, isClean: true)
        return results
      } catch {
        await pool.takeBack(loan, isClean: true)
        throw error
      }
    }
  }

  /// `isDivisible`: whoever calls makes do with less at a time (`tooSlow`), rather than wait for
  /// somebody who is writing a row.
  private func retryingReads<Result>(
    isDivisible: Bool = false, _ body: () async throws(ExchangeError) -> Result
  ) async throws(StoreError) -> Result {
    var retrying = Retrying(within: configuration.deadline)
    while true {
      do throws(ExchangeError) {
        return try await body()
      } catch {
        guard error.isWorthReadingAgain, !(isDivisible && error.isLockTimeout) else {
          throw failed(unwritten(error))
        }
        try await pause(&retrying, after: unwritten(error))
      }
    }
  }

  /// What the database's clock says, in µs since 1970. Errors: `unavailable`, `overloaded`.
  func readClock() async throws(StoreError) -> Int64 {
    try await query { [Statement("SELECT \(SQL.now)")] }[0].number(0, 0)
  }
}
