import KeyValueStore

/// The outbox: a row for each commit, with its changes as arrays, until these are settled.
enum Outbox {
  /// A name for the changes of a commit that begins now, by the database's clock.
  static func makeID(at now: Int64) -> OutboxID {
    OutboxID(
      committedAt: Timestamp(microseconds: now), number: Int64.random(in: 0...Int64.max))
  }

  private static let columns = """
    (bucket, committed_at, number, keys, revisions, versions, sizes, content_types, created,
      updated, expiring)
    """

  // MARK: Adding

  /// The end of a statement that writes entries, `written AS (… RETURNING …)`: puts what it holds
  /// into the outbox, in the same commit, named by the parameters from `first` on (see `add`), with
  /// the puts that were overwritten at once by those from `earlier` on. CockroachDB wants a
  /// data-modifying WITH to return something.
  static func boxed(parametersFrom first: Int, earlierFrom earlier: Int? = nil) -> String {
    let added = earlier.map { from in
      (from..<from + 5).map { ", $\($0)" }.joined()
    }
    return """
      boxed AS (
        INSERT INTO outbox_batches \(added == nil ? columns : columnsWithEarlier)
        SELECT $\(first), $\(first + 1), $\(first + 2), array_agg(key), array_agg(revision),
          array_agg(version), array_agg(size), array_agg(content_type), array_agg(created_at),
          array_agg(updated_at), array_agg(expires_at)\(added ?? "")
        FROM written HAVING count(*) > 0 RETURNING 1)
      """
  }

  private static let columnsWithEarlier =
    String(columns.dropLast())
    + ", earlier_keys, earlier_steps, earlier_sizes, earlier_types, earlier_lives)"

  /// The puts that others of their key have overwritten at once: the row of the outbox has them
  /// beside what became of the key. Nobody was to read them, but their events are to be published.
  static func add(earlier writes: [[Write]], to parameters: inout Parameters) {
    let earlier = writes.flatMap { ofKey in
      ofKey.dropLast().enumerated().map { (write: $1, steps: Int64(ofKey.count - 1 - $0)) }
    }
    parameters.add(array: earlier.map { $0.write.key.bytes })
    parameters.add(numbers: earlier.map { $0.steps })
    parameters.add(numbers: earlier.map { Int64($0.write.stored?.value.count ?? 0) })
    parameters.add(texts: earlier.map { $0.write.stored?.contentType ?? "" })
    parameters.add(numbers: earlier.map { $0.write.stored?.microsecondsToLive })
  }

  /// The columns that `boxed` needs and a writer is told.
  static let returning =
    "RETURNING \(SQL.columns), coalesce(octet_length(entries.value), 0)::INT8 AS size"

  /// The parameters that name a row.
  static func add(_ id: OutboxID, to parameters: inout Parameters) {
    parameters.add(bucket(of: id))
    parameters.add(id.committedAt.microseconds)
    parameters.add(id.number)
  }

  /// The bucket of commits after which other processes are to repair the cache, beside the usual
  /// ones: they look at it much more often.
  private static let repairBucket = 2 * SQL.buckets

  private static func bucket(of id: OutboxID) -> Int64 {
    id.awaitsRepair ? repairBucket : id.number % SQL.buckets
  }

  /// The bucket of a commit that was found settled: nobody looks there for what is to be published.
  private static func settledBucket(of id: OutboxID) -> Int64 {
    SQL.buckets + id.number % SQL.buckets
  }

  /// All such buckets.
  static let settledBuckets = SQL.buckets..<(2 * SQL.buckets)

  /// Adds changes that were decided here.
  static func insertion(_ changes: [Change], as id: OutboxID, at now: Timestamp) -> Statement {
    var parameters = Parameters(reserving: changes.reduce(256) { $0 + $1.key.bytes.count + 128 })
    add(id, to: &parameters)
    let entries = changes.map(\.entry)
    parameters.add(array: changes.map { $0.key.bytes })
    parameters.add(numbers: changes.map { $0.revision.number })
    parameters.add(numbers: changes.map(\.version))
    parameters.add(numbers: entries.map { Int64($0?.size ?? 0) })
    parameters.add(texts: entries.map { $0?.contentType ?? "" })
    parameters.add(numbers: entries.map { ($0?.createdAt ?? now).microseconds })
    parameters.add(numbers: entries.map { ($0?.updatedAt ?? now).microseconds })
    parameters.add(numbers: entries.map { $0?.expiresAt?.microseconds })
    return Statement(
      """
      INSERT INTO outbox_batches \(columns)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
      """, parameters)
  }

  // MARK: Reading

  /// The oldest rows of each bucket that were committed within a span of time. CockroachDB scans
  /// the deleted rows of a queue until they are collected: without the lower bound, all of a day's.
  static func oldest(after least: Int64, until most: Int64, limit: Int) -> [Statement] {
    ([repairBucket] + (0..<SQL.buckets)).map {
      oldest(of: $0, after: least, until: most, limit: limit)
    }
  }

  /// The oldest rows of those after which the cache is to be repaired.
  static func repairs(after least: Int64, until most: Int64, limit: Int) -> Statement {
    oldest(of: repairBucket, after: least, until: most, limit: limit)
  }

  private static func oldest(
    of bucket: Int64, after least: Int64, until most: Int64, limit: Int
  ) -> Statement {
    var parameters = Parameters()
    parameters.add(bucket)
    parameters.add(least)
    parameters.add(most)
    parameters.add(Int64(limit))
    return Statement(reading, parameters)
  }

  private static let reading = """
    SELECT committed_at, number, keys, revisions, versions, sizes, content_types, created, updated,
      expiring, earlier_keys, earlier_steps, earlier_sizes, earlier_types, earlier_lives, bucket
    FROM outbox_batches
    WHERE bucket = $1 AND committed_at > $2 AND committed_at <= $3
    ORDER BY committed_at LIMIT $4
    """

  /// A row of `oldest`. Whatever it holds, it must not end the process: of arrays of unequal length
  /// only what all have is taken.
  static func batch(_ rows: ResultSet, _ row: Int) -> OutboxBatch {
    let id = OutboxID(
      committedAt: Timestamp(microseconds: rows.number(row, 0)), number: rows.number(row, 1),
      awaitsRepair: rows.number(row, 15) == repairBucket)
    let (keys, types) = (rows.array(row, 2), rows.array(row, 6))
    let numbers = [3, 4, 5, 7, 8, 9].map { rows.numbers(row, $0) }
    let count = min(keys.count, types.count, numbers.map(\.count).min() ?? 0)
    let earlier = earlierPuts(rows, row)
    let changes = (0..<count).flatMap { place in
      let key = Key(trusted: keys[place] ?? [])
      let revision = Revision(numbers[0][place] ?? 0)
      let last = Change(
        key: key, revision: revision,
        kind: kind(version: numbers[1][place] ?? 0) { version in
          Metadata(
            key: key, revision: revision, version: version, size: Int(numbers[2][place] ?? 0),
            contentType: String(decoding: types[place] ?? [], as: UTF8.self),
            createdAt: Timestamp(microseconds: numbers[3][place] ?? 0),
            updatedAt: Timestamp(microseconds: numbers[4][place] ?? 0),
            expiresAt: numbers[5][place].map { Timestamp(microseconds: $0) })
        })
      return (earlier[key] ?? []).compactMap { $0.change(before: last) } + [last]
    }
    return OutboxBatch(id: id, changes: changes)
  }

  /// A put that was overwritten at once.
  private struct EarlierPut {
    /// So many others of its key came after it.
    let steps: Int64
    let size: Int64
    let contentType: String
    let microsecondsToLive: Int64?

    func change(before last: Change) -> Change? {
      guard case .put(let metadata) = last.kind else { return nil }
      let revision = Revision(last.revision.number - steps)
      return Change(
        key: last.key, revision: revision,
        kind: .put(
          Metadata(
            key: last.key, revision: revision, version: metadata.version - steps, size: Int(size),
            contentType: contentType, createdAt: metadata.createdAt, updatedAt: metadata.updatedAt,
            expiresAt: microsecondsToLive.map {
              Timestamp(microseconds: metadata.updatedAt.microseconds + $0)
            })))
    }
  }

  /// Those of each key, in their order.
  private static func earlierPuts(_ rows: ResultSet, _ row: Int) -> [Key: [EarlierPut]] {
    let (keys, types) = (rows.array(row, 10), rows.array(row, 13))
    let (steps, sizes) = (rows.numbers(row, 11), rows.numbers(row, 12))
    let lives = rows.numbers(row, 14)
    var puts: [Key: [EarlierPut]] = [:]
    for place in 0..<min(keys.count, types.count, steps.count, sizes.count, lives.count) {
      puts[Key(trusted: keys[place] ?? []), default: []].append(
        EarlierPut(
          steps: steps[place] ?? 0, size: sizes[place] ?? 0,
          contentType: String(decoding: types[place] ?? [], as: UTF8.self),
          microsecondsToLive: lives[place]))
    }
    return puts
  }

  /// What the column `versions` says of a change.
  private static func kind(version: Int64, _ entry: (Int64) -> Metadata) -> Change.Kind {
    switch version {
    case Change.expiredVersion: .expire
    case Change.deletedVersion: .delete
    default: .put(entry(version))
    }
  }

  // MARK: Settling

  /// Forgets commits whose writers know that they took place.
  static func removal(_ ids: [OutboxID]) -> Statement {
    Statement("DELETE FROM outbox_batches WHERE \(isNamed)", names(ids, in: ids.map(bucket)))
  }

  /// Settles commits whose writers may not know that they took place, and have queued their writes
  /// again: these are to find out. Keeps what was written, and no more than that.
  static func settlement(_ ids: [OutboxID]) -> Statement {
    Statement(
      """
      UPDATE outbox_batches SET bucket = number % \(SQL.buckets) + \(SQL.buckets),
        versions = '{}', sizes = '{}', content_types = '{}', created = '{}', updated = '{}',
        expiring = '{}', earlier_keys = NULL, earlier_steps = NULL, earlier_sizes = NULL,
        earlier_types = NULL, earlier_lives = NULL
      WHERE \(isNamed)
      """, names(ids, in: ids.map(bucket)))
  }

  /// What took place of some commits, settled or not, as far as it is kept. Rows: see `commit`.
  static func commits(_ ids: [OutboxID]) -> Statement {
    let buckets = ids.map(bucket) + ids.map(settledBucket) + ids.map { _ in repairBucket }
    return Statement(
      "SELECT committed_at, number, keys, revisions FROM outbox_batches WHERE \(isNamed)",
      names(ids + ids + ids, in: buckets))
  }

  /// A row of `commits`: the last revision that was written of each key.
  static func commit(_ rows: ResultSet, _ row: Int) -> (id: OutboxID, revisions: [Key: Revision]) {
    let id = OutboxID(
      committedAt: Timestamp(microseconds: rows.number(row, 0)), number: rows.number(row, 1))
    let written = zip(rows.array(row, 2), rows.numbers(row, 3)).map { key, revision in
      (Key(trusted: key ?? []), Revision(revision ?? 0))
    }
    return (id, Dictionary(written) { max($0, $1) })
  }

  /// Whether a row is one of `names`.
  private static let isNamed = """
    (bucket, committed_at, number) IN (
      SELECT u.bucket, u.committed_at, u.number
      FROM unnest($1::INT8[], $2::INT8[], $3::INT8[]) AS u(bucket, committed_at, number))
    """

  private static func names(_ ids: [OutboxID], in buckets: [Int64]) -> Parameters {
    var parameters = Parameters()
    parameters.add(numbers: buckets)
    parameters.add(numbers: ids.map { $0.committedAt.microseconds })
    parameters.add(numbers: ids.map { $0.number })
    return parameters
  }

  // MARK: Repairing the cache

  /// Puts commits where other processes look for what they have to repair.
  static func repairRequest(_ ids: [OutboxID]) -> Statement {
    Statement(
      "UPDATE outbox_batches SET bucket = \(repairBucket) WHERE \(isNamed)",
      names(ids, in: ids.map { $0.number % SQL.buckets }))
  }

  /// Puts them back.
  static func repairEnd(_ ids: [OutboxID]) -> Statement {
    Statement(
      "UPDATE outbox_batches SET bucket = number % \(SQL.buckets) WHERE \(isNamed)",
      names(ids, in: ids.map { _ in repairBucket }))
  }

  /// Those of these commits after which the cache is still to be repaired. Rows: one for each.
  static func openRepairs(_ ids: [OutboxID]) -> Statement {
    Statement(
      "SELECT number FROM outbox_batches WHERE \(isNamed)",
      names(ids, in: ids.map { _ in repairBucket }))
  }

  // MARK: Release 0.1

  /// Takes over what a process of release 0.1 has left in its outbox, which had a row for each
  /// change. Rows: one for each that was taken.
  static func adoption(until most: Int64, as id: OutboxID) -> Statement {
    var parameters = Parameters()
    parameters.add(most)
    add(id, to: &parameters)
    return Statement(
      """
      WITH written AS (
        DELETE FROM outbox WHERE (revision, key) IN (
          SELECT revision, key FROM outbox WHERE updated_at <= $1
          ORDER BY revision, key LIMIT 500)
        RETURNING key, revision, content_type, created_at, updated_at, expires_at, size,
          CASE kind WHEN 1 THEN version WHEN 2 THEN \(Change.expiredVersion)
            ELSE \(Change.deletedVersion) END AS version),
      \(boxed(parametersFrom: 2))
      SELECT key FROM written
      """, parameters)
  }
}

extension Change {
  /// What stands for the version of a put where it was none.
  fileprivate static let deletedVersion: Int64 = 0
  fileprivate static let expiredVersion: Int64 = -1

  fileprivate var entry: Metadata? {
    if case .put(let metadata) = kind { metadata } else { nil }
  }

  fileprivate var version: Int64 {
    switch kind {
    case .put(let metadata): metadata.version
    case .delete: Change.deletedVersion
    case .expire: Change.expiredVersion
    }
  }
}
