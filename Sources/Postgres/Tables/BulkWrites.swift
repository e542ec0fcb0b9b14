import KeyValueStore

/// Statements that decide writes and make them, commit by themselves, and put the changes into the
/// outbox: a row for each key. Several puts of a key are one change of its row, which counts each
/// of them.
enum BulkWrites {
  /// What a statement can decide.
  enum Kind: Equatable {
    /// Puts without a condition.
    case puts
    /// Puts on condition that there is no entry.
    case creations
    /// Puts and deletes on condition that there is an entry, of any or of one given revision.
    case replacements
    /// Patches that add nothing, on the same condition.
    case patches
    /// Additions without a condition.
    case additions(BulkPatches.Settings)

    /// The kind of a write of a call with `count` writes; nil: no statement can decide it, and it
    /// takes `Decisions`.
    init?(_ write: Write, among count: Int) {
      if write.idempotency != nil { return nil }
      if case .patch(let patch) = write.mutation {
        guard let kind = BulkPatches.kind(of: patch, write.condition, among: count) else {
          return nil
        }
        self = kind
        return
      }
      switch (write.condition.ifMatch, write.condition.ifNoneMatch, write.stored != nil) {
      case (nil, nil, true): self = .puts
      case (nil, .any, true): self = .creations
      case (nil, nil, false), (.any, nil, _): self = .replacements
      case (.revisions(let revisions), nil, _) where revisions.count == 1: self = .replacements
      default: return nil
      }
    }

    var isAddition: Bool { if case .additions = self { true } else { false } }

    /// Whether one statement can make both writes of a key, which are of this kind.
    func takesBoth(_ first: Write, _ second: Write) -> Bool {
      switch self {
      case .puts: true
      case .additions: BulkPatches.settingsAgree(first, second)
      case .creations, .replacements, .patches: false
      }
    }
  }

  /// A row that was written.
  struct Written {
    let key: Key
    /// When the writes took place, by the database's clock.
    let updatedAt: Timestamp
    private let revision: Int64
    private let version: Int64
    private let createdAt: Timestamp
    /// What the first change of the row by this statement follows; nil: not known.
    private let previous: Revision?
    /// What a patch has left or made; nil after other writes, which know it.
    private let patched: BulkPatches.Patched?

    init(_ columns: Columns, patched: BulkPatches.Patched? = nil) {
      key = columns.key(0)
      revision = columns.number(1)
      version = columns.number(2)
      createdAt = columns.timestamp(3)
      updatedAt = columns.timestamp(4)
      previous = columns.optionalNumber(5).map { Revision($0) }
      self.patched = patched
    }

    /// The receipt of the write of this key that was followed by the last `steps` of the `count` in
    /// the statement, which have added `rest` to the value.
    func receipt(
      of write: Write, steps: Int, of count: Int, rest: Int64, outbox: OutboxID
    ) -> WriteReceipt {
      WriteReceipt(
        outcome: outcome(of: write, steps: Int64(steps), rest: rest), outbox: outbox,
        previous: steps + 1 == count ? previous : Revision(revision - Int64(steps) - 1))
    }

    private func outcome(of write: Write, steps: Int64, rest: Int64) -> WriteOutcome {
      let revision = Revision(revision - steps)
      if let patched {
        return patched.outcome(rest: rest) { size in
          Metadata(
            key: write.key, revision: revision, version: version - steps, size: size,
            contentType: patched.contentType, createdAt: createdAt, updatedAt: updatedAt,
            expiresAt: patched.expiresAt)
        }
      }
      guard let stored = write.stored else { return .deleted(revision) }
      return .stored(
        Metadata(
          key: write.key, revision: revision, version: version - steps,
          size: stored.value.count, contentType: stored.contentType, createdAt: createdAt,
          updatedAt: updatedAt,
          expiresAt: stored.microsecondsToLive.map { updatedAt.adding(microseconds: $0) }))
    }
  }

  /// One statement for writes that are grouped by key: the keys in byte order, so that no two
  /// statements wait for each other in a circle; the writes of a key in their order, several of
  /// them only for `puts` and `additions`. A write that begins after `validUntil`, by the
  /// database's clock, is not made.
  ///
  /// Returns a row for each key that was written.
  static func query(
    _ kind: Kind, _ writes: [[Write]], validUntil: Int64, as id: OutboxID
  ) -> Query<Written> {
    switch kind {
    case .puts:
      var parameters = parameters(writes, validUntil, id)
      parameters.add(numbers: writes.map { Int64($0.count) })
      Outbox.add(earlier: writes, to: &parameters)
      return Query(putting, parameters) { Written($0) }
    case .creations:
      return Query(creating, parameters(writes, validUntil, id)) { Written($0) }
    case .replacements:
      var parameters = parameters(writes, validUntil, id)
      parameters.add(numbers: writes.map { $0.last?.condition.ifMatch?.revision })
      return Query(replacing, parameters) { Written($0) }
    case .patches:
      return BulkPatches.patches(writes.compactMap(\.last), validUntil: validUntil, as: id)
    case .additions(let settings):
      return BulkPatches.additions(settings, writes, validUntil: validUntil, as: id)
    }
  }

  /// The parameters that all statements here have: of each key, the last write.
  private static func parameters(
    _ writes: [[Write]], _ validUntil: Int64, _ id: OutboxID
  ) -> Parameters {
    let last = writes.compactMap(\.last)
    var parameters = Parameters(reserving: last.reduce(256) { $0 + $1.weight + 64 })
    parameters.add(array: last.map { $0.key.bytes })
    parameters.add(array: last.map { $0.stored?.value })
    parameters.add(texts: last.map { $0.stored?.contentType ?? "" })
    parameters.add(numbers: last.map { $0.stored?.microsecondsToLive })
    parameters.add(timestamp: validUntil)
    Outbox.add(id, to: &parameters)
    return parameters
  }

  /// `excluded.version` is the number of puts, and `excluded.revision` is the revision of the last
  /// of them, if the first one is written now.
  private static let putting = """
    WITH \(SQL.clock), written AS (
      INSERT INTO entries \(Entries.insertedColumns)
      SELECT u.key, u.value, u.content_type, clock.now + u.count - 1, u.count, clock.now, clock.now,
        clock.now + u.life, 0, clock.now + u.count - 1
      FROM unnest($1::BYTEA[], $2::BYTEA[], $3::TEXT[], $4::INT8[], $9::INT8[])
        AS u(key, value, content_type, life, count), clock
      WHERE clock_timestamp() <= $5 ORDER BY u.key
      ON CONFLICT (key) DO UPDATE SET
        value = excluded.value, content_type = excluded.content_type,
        \(Entries.following("greatest(entries.revision + excluded.version, excluded.revision)")),
        version = CASE WHEN \(isDead) THEN 0 ELSE entries.version END + excluded.version,
        created_at = CASE WHEN \(isDead) THEN excluded.created_at ELSE entries.created_at END,
        updated_at = excluded.updated_at, expires_at = excluded.expires_at
      WHERE clock_timestamp() <= $5
      \(Outbox.returning)),
    \(Outbox.boxed(parametersFrom: 6, earlierFrom: 10))
    \(written)
    """

  private static let creating = """
    WITH \(SQL.clock), written AS (
      INSERT INTO entries \(Entries.insertedColumns)
      SELECT u.key, u.value, u.content_type, clock.now, 1, clock.now, clock.now, clock.now + u.life,
        0, clock.now
      FROM unnest($1::BYTEA[], $2::BYTEA[], $3::TEXT[], $4::INT8[])
        AS u(key, value, content_type, life), clock
      WHERE clock_timestamp() <= $5 ORDER BY u.key
      ON CONFLICT (key) DO UPDATE SET
        value = excluded.value, content_type = excluded.content_type,
        \(Entries.following("greatest(entries.revision + 1, excluded.revision)")), version = 1,
        created_at = excluded.created_at, updated_at = excluded.updated_at,
        expires_at = excluded.expires_at
      WHERE clock_timestamp() <= $5 AND \(isDead)
      \(Outbox.returning)),
    \(Outbox.boxed(parametersFrom: 6))
    \(written)
    """

  /// PostgreSQL locks rows in the order in which an UPDATE's plan meets them: so they are locked
  /// before, in the order of their keys.
  private static let replacing = """
    WITH \(SQL.clock), locked AS (
      SELECT u.key, u.value, u.content_type, u.life, u.expected
      FROM unnest($1::BYTEA[], $2::BYTEA[], $3::TEXT[], $4::INT8[], $9::INT8[])
        AS u(key, value, content_type, life, expected)
      JOIN entries AS old ON old.key = u.key ORDER BY u.key FOR UPDATE OF old),
    written AS (
      UPDATE entries SET
        value = locked.value, content_type = locked.content_type,
        \(Entries.following("greatest(entries.revision + 1, clock.now)")),
        version = CASE WHEN locked.value IS NULL THEN 0 ELSE entries.version + 1 END,
        updated_at = clock.now, expires_at = clock.now + locked.life
      FROM locked, clock
      WHERE entries.key = locked.key AND NOT \(Entries.isDead(at: "clock.now"))
        AND entries.revision = coalesce(locked.expected, entries.revision)
        AND clock_timestamp() <= $5
      \(Outbox.returning)),
    \(Outbox.boxed(parametersFrom: 6))
    \(written)
    """

  private static let isDead = Entries.isDead(at: "excluded.updated_at")

  private static let written =
    "SELECT key, revision, version, created_at, updated_at, previous FROM written"
}

extension Write {
  /// What a put stores; nil for any other write.
  var stored: (value: [UInt8], contentType: String, microsecondsToLive: Int64?)? {
    guard case .put(let value, let contentType, let seconds) = mutation else { return nil }
    return (value, contentType, seconds.map { $0 * 1_000_000 })
  }
}

extension Condition.Match {
  /// The one revision that is required; nil: any.
  var revision: Int64? {
    if case .revisions(let revisions) = self { revisions.first?.number } else { nil }
  }
}
