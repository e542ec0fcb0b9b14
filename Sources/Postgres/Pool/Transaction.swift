import KeyValueStore

/// A serializable transaction in the making, on a connection that it has for itself.
final class Transaction {
  private let pool: Pool
  private let connection: Connection
  /// How long idempotency keys count, in µs.
  private let retention: Int64
  private var hasBegun = false
  /// Whether COMMIT has been sent: from then on only its answer tells what became of it.
  private(set) var isCommitting = false

  init(pool: Pool, connection: Connection, retention: Int64) {
    self.pool = pool
    self.connection = connection
    self.retention = retention
  }

  /// The year 9999: nothing here comes too late. Without a COMMIT, which is sent when all else has
  /// been answered, nothing takes effect; and until then nobody else can write these keys.
  private static let validUntil: Int64 = 253_402_300_799_000_000

  /// Reads that are answered before the next ones are asked, so that their values, together, stay
  /// within a batch's bound.
  private static let readsAtOnce = 8

  private func send(_ statements: [Statement]) async throws(TransactionError) -> [ResultSet] {
    let opening = hasBegun ? [] : Self.opening
    hasBegun = true
    do throws(ExchangeError) {
      let results = try await pool.exchange(on: connection, opening + statements)
      return Array(results.dropFirst(opening.count))
    } catch {
      throw .exchange(error)
    }
  }

  /// A process that hangs in the middle must not hold its locks for ever.
  private static let opening = [
    Statement("BEGIN ISOLATION LEVEL SERIALIZABLE"),
    Statement("SET LOCAL idle_in_transaction_session_timeout = '5s'"),
  ]

  // MARK: Idempotency

  /// Claims an idempotency key, waiting for whoever else is about to; or returns what is kept under
  /// it.
  func claim(
    _ key: IdempotencyKey
  ) async throws(TransactionError) -> (fingerprint: [UInt8], outcome: [UInt8])? {
    var parameters = Parameters()
    parameters.add(Array(key.name.utf8))
    parameters.add(key.fingerprint)
    parameters.add(retention)
    var name = Parameters()
    name.add(Array(key.name.utf8))
    let results = try await send([
      Statement(Self.claiming, parameters),
      Statement("SELECT fingerprint, outcome FROM idempotency WHERE name = $1", name),
    ])
    if results[0].count > 0 { return nil }
    // Committed after this transaction's snapshot: the next attempt sees it.
    guard results[1].count > 0 else { throw .late }
    return (results[1].bytes(0, 0), results[1].bytes(0, 1))
  }

  private static let claiming = """
    WITH \(SQL.clock)
    INSERT INTO idempotency (name, fingerprint, outcome, created_at)
    SELECT $1, $2, ''::BYTEA, clock.now FROM clock
    ON CONFLICT (name) DO UPDATE SET fingerprint = excluded.fingerprint,
      outcome = excluded.outcome, created_at = excluded.created_at
    WHERE idempotency.created_at <= excluded.created_at - $3
    RETURNING name
    """

  /// Keeps the outcome under a key that was claimed, and commits.
  func keep(_ outcome: [UInt8], under key: IdempotencyKey) async throws(TransactionError) {
    var parameters = Parameters()
    parameters.add(Array(key.name.utf8))
    parameters.add(outcome)
    isCommitting = true
    _ = try await send([
      Statement("UPDATE idempotency SET outcome = $2 WHERE name = $1", parameters),
      Statement("COMMIT"),
    ])
  }

  /// Commits, or undoes everything.
  func end(committing: Bool) async throws(TransactionError) {
    isCommitting = committing
    _ = try await send([Statement(committing ? "COMMIT" : "ROLLBACK")])
  }

  // MARK: Operations

  /// Carries out operations in order. After `preconditionFailed` of an atomic batch, what it has
  /// written is undone already if there is more to keep, else the caller rolls back.
  func carryOut(_ batch: Batch) async throws(TransactionError) -> BatchOutcome {
    var opening = [EntryStatements.lock(batch.writtenKeys)]
    if batch.isAtomic, batch.idempotency != nil { opening.append(Statement("SAVEPOINT batch")) }
    var outcomes: [OperationOutcome] = []
    var readBytesLeft = batch.readBytesMax
    var rest = batch.operations[...]
    while !rest.isEmpty || !opening.isEmpty {
      let part = Self.nextPart(of: rest)
      rest = rest[part.endIndex...]
      let statements = part.flatMap { self.statements(for: $0, readBytesLeft: readBytesLeft) }
      var results = try await send(opening + statements)[...].dropFirst(opening.count)
      opening = []
      for operation in part {
        let outcome = try outcome(of: operation, &results, &readBytesLeft)
        if batch.isAtomic, case .write(.preconditionFailed(let current)) = outcome {
          if batch.idempotency != nil {
            _ = try await send([Statement("ROLLBACK TO SAVEPOINT batch")])
          }
          return .preconditionFailed(index: outcomes.count, current: current)
        }
        outcomes.append(outcome)
      }
    }
    try await forgetOverwritten(batch, outcomes)
    return .completed(outcomes)
  }

  /// Of several writes of a key only the last was ever to be seen: nobody is to hear of the others.
  private func forgetOverwritten(
    _ batch: Batch, _ outcomes: [OperationOutcome]
  ) async throws(TransactionError) {
    var last: [Key: Revision] = [:]
    var overwritten: [PublishedChanges.Row] = []
    for (operation, outcome) in zip(batch.operations, outcomes) {
      guard case .write(let write) = operation, case .write(let outcome) = outcome,
        let revision = outcome.revision
      else { continue }
      if let before = last.updateValue(revision, forKey: write.key) {
        overwritten.append(PublishedChanges.Row(key: write.key, revision: before))
      }
    }
    if !overwritten.isEmpty { _ = try await send([UpkeepStatements.settle(overwritten)]) }
  }

  /// As many operations as may be sent at once.
  private static func nextPart(
    of operations: ArraySlice<Batch.Operation>
  ) -> ArraySlice<Batch.Operation> {
    var reads = 0
    let end = operations.firstIndex { operation in
      if case .get = operation { reads += 1 }
      return reads > readsAtOnce
    }
    return operations[..<(end ?? operations.endIndex)]
  }

  private func statements(
    for operation: Batch.Operation, readBytesLeft: Int
  ) -> [Statement] {
    switch operation {
    case .get(let key): [EntryStatements.read(key, bytesMax: readBytesLeft)]
    case .write(let write):
      [
        EntryStatements.write(write, validUntil: Self.validUntil),
        EntryStatements.state(write.key, validUntil: Self.validUntil),
      ]
    }
  }

  private func outcome(
    of operation: Batch.Operation, _ results: inout ArraySlice<ResultSet>,
    _ readBytesLeft: inout Int
  ) throws(TransactionError) -> OperationOutcome {
    switch operation {
    case .get:
      let rows = results.removeFirst()
      guard rows.count > 0 else { return .read(.absent(.none)) }
      let lookup = EntryRow.lookup(rows, 0).lookup
      guard lookup.entry != nil else { return .read(lookup) }
      let size = Int(rows.number(0, 9))
      guard !rows.isNull(0, 8), size <= readBytesLeft else { return .readTooLarge }
      readBytesLeft -= size
      return .read(lookup)
    case .write(let write):
      let (rows, state) = (results.removeFirst(), results.removeFirst())
      guard let outcome = PostgresDatabase.outcome(of: write, rows, state: state) else {
        throw .late
      }
      return .write(outcome)
    }
  }
}

extension WriteOutcome {
  /// What it gave the key; nil if it wrote nothing.
  fileprivate var revision: Revision? {
    switch self {
    case .stored(let metadata): metadata.revision
    case .deleted(let revision): revision
    case .notFound, .preconditionFailed, .idempotencyMismatch: nil
    }
  }
}

extension Batch {
  /// The keys that it writes, each once.
  fileprivate var writtenKeys: [Key] {
    let keys = operations.compactMap { operation -> Key? in
      if case .write(let write) = operation { write.key } else { nil }
    }
    return Array(Set(keys))
  }
}
