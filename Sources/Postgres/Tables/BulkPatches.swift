import KeyValueStore

/// Statements that decide patches and make them, as `BulkWrites` does.
enum BulkPatches {
  /// Which columns additions set, beside the value: others keep what they hold.
  struct Settings: Equatable, Hashable {
    let contentType: Bool
    let expiry: Bool

    static let all = [false, true].flatMap { contentType in
      [false, true].map { Settings(contentType: contentType, expiry: $0) }
    }
  }

  /// What a patched row holds, as far as its writer does not know it.
  struct Patched {
    let contentType: String
    let expiresAt: Timestamp?
    private let size: Int64
    /// The value, if the patch is an addition.
    private let sum: Int64?

    fileprivate init(_ columns: Columns, isAddition: Bool) {
      contentType = columns.text(6)
      expiresAt = columns.optionalTimestamp(7)
      size = columns.number(8)
      sum = isAddition ? columns.number(9) : nil
    }

    /// The outcome of a patch; `rest` was added after it, in the same statement.
    func outcome(rest: Int64, _ metadata: (_ size: Int) -> Metadata) -> WriteOutcome {
      guard let sum else { return .stored(metadata(Int(size))) }
      return .added(metadata((sum - rest).valueText.count), sum: sum - rest)
    }
  }

  /// The kind of a patch in a call with `count` writes; nil: no statement can decide it.
  static func kind(
    of patch: Patch, _ condition: Condition, among count: Int
  ) -> BulkWrites.Kind? {
    guard let amount = patch.amount else {
      switch (condition.ifMatch, condition.ifNoneMatch) {
      case (nil, nil), (.any, nil): return .patches
      case (.revisions(let revisions), nil) where revisions.count == 1: return .patches
      default: return nil
      }
    }
    guard condition.isEmpty, amount.magnitude <= amountsMax / UInt64(count) else { return nil }
    return .additions(
      Settings(contentType: patch.contentType != nil, expiry: patch.expiry != .kept))
  }

  /// The most that one statement adds to a value. Together with the 18 digits of `digits` it can't
  /// overflow, in no order of evaluation. `Decisions` makes what exceeds either.
  private static let amountsMax: UInt64 = 4_000_000_000_000_000_000

  /// Whether a row can have the settings of both writes, which are additions of one kind.
  static func settingsAgree(_ first: Write, _ second: Write) -> Bool {
    guard case .patch(let first) = first.mutation, case .patch(let second) = second.mutation else {
      return false
    }
    return first.contentType == second.contentType && first.expiry == second.expiry
  }

  // MARK: Patches of entries

  /// Patches that add nothing, of different keys in byte order, where they find an entry.
  static func patches(
    _ writes: [Write], validUntil: Int64, as id: OutboxID
  ) -> Query<BulkWrites.Written> {
    let patches = writes.map(\.patch)
    var parameters = Parameters(reserving: writes.reduce(256) { $0 + $1.weight + 64 })
    parameters.add(array: writes.map { $0.key.bytes })
    parameters.add(optionalTexts: patches.map(\.contentType))
    parameters.add(numbers: patches.map(\.microsecondsToLive))
    parameters.add(numbers: patches.map { $0.expiry == .kept ? 1 : 0 })
    parameters.add(timestamp: validUntil)
    Outbox.add(id, to: &parameters)
    parameters.add(numbers: writes.map { $0.condition.ifMatch?.revision })
    return Query(patching, parameters) { columns in
      BulkWrites.Written(columns, patched: Patched(columns, isAddition: false))
    }
  }

  private static let patching = """
    WITH \(SQL.clock), locked AS (
      SELECT u.key, u.content_type, u.life, u.keeps, u.expected
      FROM unnest($1::BYTEA[], $2::TEXT[], $3::INT8[], $4::INT8[], $9::INT8[])
        AS u(key, content_type, life, keeps, expected)
      JOIN entries AS old ON old.key = u.key ORDER BY u.key FOR UPDATE OF old),
    written AS (
      UPDATE entries SET
        content_type = coalesce(locked.content_type, entries.content_type),
        \(Entries.following("greatest(entries.revision + 1, clock.now)")),
        version = entries.version + 1,
        updated_at = clock.now,
        expires_at = CASE WHEN locked.keeps = 1 THEN entries.expires_at
          ELSE clock.now + locked.life END
      FROM locked, clock
      WHERE entries.key = locked.key AND NOT \(Entries.isDead(at: "clock.now"))
        AND entries.revision = coalesce(locked.expected, entries.revision)
        AND clock_timestamp() <= $5
      \(Outbox.returning)),
    \(Outbox.boxed(parametersFrom: 6))
    \(written)
    """

  private static let written = """
    SELECT key, revision, version, created_at, updated_at, previous, content_type, expires_at, size
    FROM written
    """

  // MARK: Additions

  /// Additions that are grouped by key: those of a key are one change of its row, which counts each
  /// of them. A value that is not the text of an integer of at most 18 digits is left alone.
  static func additions(
    _ settings: Settings, _ writes: [[Write]], validUntil: Int64, as id: OutboxID
  ) -> Query<BulkWrites.Written> {
    let patches = writes.compactMap { $0.last?.patch }
    var parameters = Parameters(reserving: writes.reduce(256) { $0 + $1[0].weight + 128 })
    parameters.add(array: writes.map { $0[0].key.bytes })
    parameters.add(
      array: writes.map { ofKey in ofKey.reduce(0) { $0 + ($1.amount ?? 0) }.valueText })
    parameters.add(texts: patches.map { $0.contentType ?? Patch.newContentType })
    parameters.add(numbers: patches.map(\.microsecondsToLive))
    parameters.add(timestamp: validUntil)
    Outbox.add(id, to: &parameters)
    parameters.add(numbers: writes.map { Int64($0.count) })
    Outbox.add(earlierAdditions: writes, to: &parameters)
    return Query(adding[settings]!, parameters) { columns in
      BulkWrites.Written(columns, patched: Patched(columns, isAddition: true))
    }
  }

  private static let adding = Dictionary(
    uniqueKeysWithValues: Settings.all.map { ($0, adding($0)) })

  /// The value, revision and version of `excluded` are as in `BulkWrites`: those of a new entry.
  private static func adding(_ settings: Settings) -> String {
    """
    WITH \(SQL.clock), written AS (
      INSERT INTO entries \(Entries.insertedColumns)
      SELECT u.key, u.value, u.content_type, clock.now + u.count - 1, u.count, clock.now, clock.now,
        clock.now + u.life, 0, clock.now + u.count - 1
      FROM unnest($1::BYTEA[], $2::BYTEA[], $3::TEXT[], $4::INT8[], $9::INT8[])
        AS u(key, value, content_type, life, count), clock
      WHERE clock_timestamp() <= $5 ORDER BY u.key
      ON CONFLICT (key) DO UPDATE SET
        value = CASE WHEN \(isDead) THEN excluded.value ELSE
          convert_to((\(number("entries.value")) + encode(excluded.value, 'escape')::INT8)::TEXT,
            'UTF8') END,
        content_type = \(merged("content_type", isSet: settings.contentType)),
        \(Entries.following("greatest(entries.revision + excluded.version, excluded.revision)")),
        version = CASE WHEN \(isDead) THEN 0 ELSE entries.version END + excluded.version,
        created_at = \(merged("created_at", isSet: false)),
        updated_at = excluded.updated_at,
        expires_at = \(merged("expires_at", isSet: settings.expiry))
      WHERE clock_timestamp() <= $5 AND (\(isDead) OR \(digits("entries.value")) IS NOT NULL)
      \(Outbox.returning), encode(entries.value, 'escape')::INT8 AS sum),
    \(Outbox.boxedSums(parametersFrom: 6, earlierFrom: 10))
    SELECT key, revision, version, created_at, updated_at, previous, content_type, expires_at, size,
      sum
    FROM written
    """
  }

  private static func merged(_ column: String, isSet: Bool) -> String {
    isSet
      ? "excluded.\(column)"
      : "CASE WHEN \(isDead) THEN excluded.\(column) ELSE entries.\(column) END"
  }

  private static let isDead = Entries.isDead(at: "excluded.updated_at")

  /// A value as text, if it is an integer of at most 18 digits; else NULL. `encode` takes any
  /// bytes; `convert_from` fails on those that are not UTF-8.
  private static func digits(_ value: String) -> String {
    """
    substring(CASE WHEN octet_length(\(value)) < 20 THEN encode(\(value), 'escape') END,
      '^(0|-?[1-9][0-9]{0,17})$')
    """
  }

  /// The same as a number; 0 instead of NULL. What is cast can always be cast, because a planner
  /// may evaluate it for rows that a condition excludes.
  private static func number(_ value: String) -> String {
    "coalesce(\(digits(value)), '0')::INT8"
  }
}

extension Write {
  /// What it patches, of a write that is known to be a patch.
  fileprivate var patch: Patch {
    guard case .patch(let patch) = mutation else { preconditionFailure("It is a patch") }
    return patch
  }
}

extension Patch {
  /// The time to live that it sets, in µs; nil: none.
  fileprivate var microsecondsToLive: Int64? {
    if case .after(let seconds) = expiry { seconds * 1_000_000 } else { nil }
  }
}
