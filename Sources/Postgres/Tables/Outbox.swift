import KeyValueStore

/// The outbox: a row for each commit, with its changes as arrays, until they are settled.
enum Outbox {
  /// A name for a commit that begins now, by the database's clock.
  static func makeID(at now: Int64) -> OutboxID {
    OutboxID(committedAt: Timestamp(microseconds: now), number: .random(in: 0...Int64.max))
  }

  private static let columns = """
    (bucket, committed_at, number, keys, revisions, versions, sizes, content_types, created,
      updated, expiring, previous)
    """

  // MARK: Adding

  /// The end of a statement that writes entries, `written AS (… RETURNING …)`: puts the rows that
  /// it returns into the outbox, in the same commit. The parameters from `first` on name the commit
  /// (see `add`), and those from `earlier` on hold the puts that were overwritten at once.
  /// CockroachDB requires a data-modifying WITH to return something.
  static func boxed(parametersFrom first: Int, earlierFrom earlier: Int? = nil) -> String {
    let added = earlier.map { from in
      (from..<from + 5).map { ", $\($0)" }.joined()
    }
    return """
      boxed AS (
        INSERT INTO outbox_batches \(added == nil ? columns : columnsWithEarlier)
        SELECT $\(first), $\(first + 1), $\(first + 2), array_agg(key), array_agg(revision),
          array_agg(version), array_agg(size), array_agg(content_type), array_agg(created_at),
          array_agg(updated_at), array_agg(expires_at), array_agg(previous)\(added ?? "")
        FROM written HAVING count(*) > 0 RETURNING 1)
      """
  }

  /// As `boxed`, where `written` also returns `sum`, the value of the row after several additions
  /// to it. The parameters from `earlier` on hold, for each addition but the last one of its key:
  /// the key, how many others came after it, and what they added.
  static func boxedSums(parametersFrom first: Int, earlierFrom earlier: Int) -> String {
    """
    latest AS (
      SELECT array_agg(key) AS keys, array_agg(revision) AS revisions,
        array_agg(version) AS versions, array_agg(size) AS sizes,
        array_agg(content_type) AS types, array_agg(created_at) AS created,
        array_agg(updated_at) AS updated, array_agg(expires_at) AS expiring,
        array_agg(previous) AS previous
      FROM written HAVING count(*) > 0),
    earlier AS (
      SELECT array_agg(u.key) AS keys, array_agg(u.steps) AS steps,
        array_agg(octet_length((written.sum - u.rest)::TEXT)::INT8) AS sizes,
        array_agg(written.content_type) AS types,
        array_agg(written.expires_at - written.updated_at) AS lives
      FROM unnest($\(earlier)::BYTEA[], $\(earlier + 1)::INT8[], $\(earlier + 2)::INT8[])
        AS u(key, steps, rest) JOIN written ON written.key = u.key),
    boxed AS (
      INSERT INTO outbox_batches \(columnsWithEarlier)
      SELECT $\(first), $\(first + 1), $\(first + 2), latest.keys, latest.revisions,
        latest.versions, latest.sizes, latest.types, latest.created, latest.updated,
        latest.expiring, latest.previous, earlier.keys, earlier.steps, earlier.sizes,
        earlier.types, earlier.lives
      FROM latest, earlier RETURNING 1)
    """
  }

  /// Adds the additions that others of their key follow in the same statement.
  static func add(earlierAdditions writes: [[Write]], to parameters: inout Parameters) {
    var earlier: [(key: Key, steps: Int64, rest: Int64)] = []
    for ofKey in writes where ofKey.count > 1 {
      var rest: Int64 = 0
      for (steps, write) in ofKey.reversed().enumerated() {
        if steps > 0 { earlier.append((write.key, Int64(steps), rest)) }
        rest += write.amount ?? 0
      }
    }
    parameters.add(array: earlier.map { $0.key.bytes })
    parameters.add(numbers: earlier.map { $0.steps })
    parameters.add(numbers: earlier.map { $0.rest })
  }

  private static let columnsWithEarlier =
    String(columns.dropLast())
    + ", earlier_keys, earlier_steps, earlier_sizes, earlier_types, earlier_lives)"

  /// Adds the puts that later puts of their key overwrite in the same statement. No read sees them,
  /// but their events are published: the row of the outbox holds them beside the key's last change.
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

  /// The columns that `boxed` needs, and that `BulkWrites` returns.
  static let returning = """
    RETURNING \(Entries.columns), coalesce(octet_length(entries.value), 0)::INT8 AS size,
      entries.previous
    """

  /// Adds the parameters that name a row.
  static func add(_ id: OutboxID, to parameters: inout Parameters) {
    parameters.add(bucket(of: id))
    parameters.add(id.committedAt.microseconds)
    parameters.add(id.number)
  }

  /// The bucket of commits after which other processes have to repair the cache. It is apart from
  /// the usual buckets because it is searched much more often.
  private static let repairBucket = 2 * SQL.buckets

  private static func bucket(of id: OutboxID) -> Int64 {
    id.awaitsRepair ? repairBucket : id.number % SQL.buckets
  }

  /// The bucket of a settled commit that is kept: it is not searched for changes to publish.
  private static func settledBucket(of id: OutboxID) -> Int64 {
    SQL.buckets + id.number % SQL.buckets
  }

  /// All such buckets.
  static let settledBuckets = SQL.buckets..<(2 * SQL.buckets)

  /// Adds the changes that `Decisions` has made.
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
    parameters.add(numbers: changes.map { $0.previous?.number })
    return Statement(
      """
      INSERT INTO outbox_batches \(columns)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
      """, parameters)
  }

  // MARK: Reading

  /// The oldest rows of each bucket that were committed within a span of time. The lower bound
  /// matters on CockroachDB, which scans the deleted rows of a queue until they are collected:
  /// without it, those of a whole day.
  static func oldest(after least: Int64, until most: Int64, limit: Int) -> [Query<OutboxBatch>] {
    ([repairBucket] + (0..<SQL.buckets)).map {
      oldest(of: $0, after: least, until: most, limit: limit)
    }
  }

  /// The oldest rows of the commits after which the cache has to be repaired.
  static func repairs(
    after least: Int64, until most: Int64, limit: Int
  ) -> Query<OutboxBatch> {
    oldest(of: repairBucket, after: least, until: most, limit: limit)
  }

  private static func oldest(
    of bucket: Int64, after least: Int64, until most: Int64, limit: Int
  ) -> Query<OutboxBatch> {
    var parameters = Parameters()
    parameters.add(bucket)
    parameters.add(least)
    parameters.add(most)
    parameters.add(Int64(limit))
    return Query(reading, parameters) { batch($0) }
  }

  private static let reading = """
    SELECT committed_at, number, keys, revisions, versions, sizes, content_types, created, updated,
      expiring, earlier_keys, earlier_steps, earlier_sizes, earlier_types, earlier_lives, bucket,
      previous
    FROM outbox_batches
    WHERE bucket = $1 AND committed_at > $2 AND committed_at <= $3
    ORDER BY committed_at LIMIT $4
    """

  /// Reads a row. Whatever it holds must not end the process: of arrays of unequal length only the
  /// elements that all of them have are read.
  private static func batch(_ columns: Columns) -> OutboxBatch {
    let id = OutboxID(
      committedAt: columns.timestamp(0), number: columns.number(1),
      awaitsRepair: columns.number(15) == repairBucket)
    let (keys, revisions, versions) = (columns.array(2), columns.numbers(3), columns.numbers(4))
    let (sizes, types) = (columns.numbers(5), columns.array(6))
    let (created, updated) = (columns.numbers(7), columns.numbers(8))
    let (expiring, previous) = (columns.numbers(9), columns.numbers(16))
    let numbers = [revisions, versions, sizes, created, updated, expiring]
    let count = min(keys.count, types.count, numbers.map(\.count).min() ?? 0)
    let earlier = earlierPuts(columns)
    let changes = (0..<count).flatMap { place in
      let key = Key(trusted: keys[place] ?? [])
      let revision = Revision(revisions[place] ?? 0)
      let before = place < previous.count ? previous[place].map { Revision($0) } : nil
      let first = (earlier[key] ?? []).sorted { $0.steps > $1.steps }
      let last = Change(
        key: key, revision: revision,
        kind: kind(version: versions[place] ?? 0) { version in
          Metadata(
            key: key, revision: revision, version: version, size: Int(sizes[place] ?? 0),
            contentType: String(decoding: types[place] ?? [], as: UTF8.self),
            createdAt: Timestamp(microseconds: created[place] ?? 0),
            updatedAt: Timestamp(microseconds: updated[place] ?? 0),
            expiresAt: expiring[place].map { Timestamp(microseconds: $0) })
        }, previous: first.isEmpty ? before : Revision(revision.number - 1))
      return first.enumerated().compactMap { index, put in
        put.change(before: last, after: before, isFirst: index == 0)
      } + [last]
    }
    return OutboxBatch(id: id, changes: changes)
  }

  /// A put or an addition that a later one of its key overwrote in the same statement.
  private struct EarlierPut {
    /// How many others of its key came after it.
    let steps: Int64
    let size: Int64
    let contentType: String
    let microsecondsToLive: Int64?

    /// `previous`: what it follows, if it is the first one in its statement.
    func change(before last: Change, after previous: Revision?, isFirst: Bool) -> Change? {
      guard case .put(let metadata) = last.kind else { return nil }
      let revision = Revision(last.revision.number - steps)
      return Change(
        key: last.key, revision: revision,
        kind: .put(
          Metadata(
            key: last.key, revision: revision, version: metadata.version - steps, size: Int(size),
            contentType: contentType, createdAt: metadata.createdAt, updatedAt: metadata.updatedAt,
            expiresAt: microsecondsToLive.map { metadata.updatedAt.adding(microseconds: $0) })),
        previous: isFirst ? previous : Revision(revision.number - 1))
    }
  }

  /// The earlier puts of each key, in any order.
  private static func earlierPuts(_ columns: Columns) -> [Key: [EarlierPut]] {
    let (keys, steps, sizes) = (columns.array(10), columns.numbers(11), columns.numbers(12))
    let (types, lives) = (columns.array(13), columns.numbers(14))
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

  /// Removes commits whose writers know that they took place.
  static func removal(_ ids: [OutboxID]) -> Statement {
    Statement("DELETE FROM outbox_batches WHERE \(isNamed)", names(ids, in: ids.map(bucket)))
  }

  /// Settles commits whose writers may not know that they took place, and may have queued their
  /// writes again: applying these finds out (see `commits`). Keeps the keys and revisions only.
  static func settlement(_ ids: [OutboxID]) -> Statement {
    Statement(
      """
      UPDATE outbox_batches SET bucket = number % \(SQL.buckets) + \(SQL.buckets),
        versions = '{}', sizes = '{}', content_types = '{}', created = '{}', updated = '{}',
        expiring = '{}', earlier_keys = NULL, earlier_steps = NULL, earlier_sizes = NULL,
        earlier_types = NULL, earlier_lives = NULL, previous = NULL
      WHERE \(isNamed)
      """, names(ids, in: ids.map(bucket)))
  }

  /// A commit that took place, and the last revision that it gave each key.
  struct Commit {
    let id: OutboxID
    let revisions: [Key: Revision]
  }

  /// Those of some commits that took place, settled or not, as far as they are kept.
  static func commits(_ ids: [OutboxID]) -> Query<Commit> {
    let buckets = ids.map(bucket) + ids.map(settledBucket) + ids.map { _ in repairBucket }
    return Query(
      "SELECT committed_at, number, keys, revisions FROM outbox_batches WHERE \(isNamed)",
      names(ids + ids + ids, in: buckets)
    ) { columns in
      let revisions = zip(columns.array(2), columns.numbers(3)).map { key, revision in
        (Key(trusted: key ?? []), Revision(revision ?? 0))
      }
      return Commit(
        id: OutboxID(committedAt: columns.timestamp(0), number: columns.number(1)),
        revisions: Dictionary(revisions) { max($0, $1) })
    }
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

  /// Moves commits into the bucket where other processes find what they have to repair.
  static func repairRequest(_ ids: [OutboxID]) -> Statement {
    Statement(
      "UPDATE outbox_batches SET bucket = \(repairBucket) WHERE \(isNamed)",
      names(ids, in: ids.map { $0.number % SQL.buckets }))
  }

  /// Moves them back.
  static func repairEnd(_ ids: [OutboxID]) -> Statement {
    Statement(
      "UPDATE outbox_batches SET bucket = number % \(SQL.buckets) WHERE \(isNamed)",
      names(ids, in: ids.map { _ in repairBucket }))
  }

  /// Those of some commits after which the cache still has to be repaired, by their number.
  static func openRepairs(_ ids: [OutboxID]) -> Query<Int64> {
    Query(
      "SELECT number FROM outbox_batches WHERE \(isNamed)",
      names(ids, in: ids.map { _ in repairBucket })
    ) { $0.number(0) }
  }

  // MARK: Release 0.1

  /// Moves the rows that a process of release 0.3 has left in its outbox, which had a row for each
  /// change, into today's. Returns a row for each that was moved.
  static func adoption(until most: Int64, as id: OutboxID) -> Statement {
    var parameters = Parameters()
    parameters.add(most)
    add(id, to: &parameters)
    return Statement(
      """
      WITH written AS (
        DELETE FROM outbox WHERE (revision, key) IN (
          SELECT revision, key FROM outbox WHERE revision > 0 AND updated_at <= $1
          ORDER BY revision, key LIMIT 500)
        RETURNING key, revision, content_type, created_at, updated_at, expires_at, size,
          NULL::INT8 AS previous,
          CASE kind WHEN 1 THEN version WHEN 2 THEN \(Change.expiredVersion)
            ELSE \(Change.deletedVersion) END AS version),
      \(boxed(parametersFrom: 2))
      SELECT key FROM written
      """, parameters)
  }
}

extension Change {
  /// What the outbox holds in place of a put's version.
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
