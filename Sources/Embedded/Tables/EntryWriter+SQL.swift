/// The statements of `EntryWriter`.
///
/// Parameters: `?1` key, `?2` revision (the least one of a plain write), `?3` now, `?4` expiry,
/// `?5` content type, `?6` value; of plain writes `?7` revisions that must not match (NULL: any)
/// and `?8` revisions that must match (NULL: any); of queued ones `?7` version and `?8` time of
/// creation.
extension EntryWriter {
  /// True for tombstones and expired entries; never NULL.
  static let isDead = "(version = 0 OR ifnull(expires_at <= ?3, 0))"

  /// NULL, which is not true, if `?7` is NULL.
  static let isNotExcluded = "instr(?7, ',' || revision || ',') = 0"

  private static let changes = """
    revision = max(revision + 1, ?2),
    version = CASE WHEN expires_at <= ?3 THEN 1 ELSE version + 1 END,
    created_at = CASE WHEN \(isDead) THEN ?3 ELSE created_at END,
    updated_at = ?3, expires_at = ?4, content_type = ?5, value = ?6
    """

  private static let liveMatches = """
    key = ?1 AND NOT \(isDead) AND \(isNotExcluded)
    AND (?8 IS NULL OR instr(?8, ',' || revision || ',') > 0)
    """

  private static let columns =
    "(key, revision, version, created_at, updated_at, expires_at, content_type, value)"

  /// Stores a value whether there is an entry or not, or only where `condition` is true of it.
  static func upsert(condition: String?) -> String {
    """
    INSERT INTO entries \(columns) VALUES (?1, ?2, 1, ?3, ?3, ?4, ?5, ?6)
    ON CONFLICT (key) DO UPDATE SET \(changes) \(condition.map { "WHERE " + $0 } ?? "")
    RETURNING revision, version, created_at
    """
  }

  /// Stores a value where a live entry matches.
  static let replacement = """
    UPDATE entries SET \(changes) WHERE \(liveMatches) RETURNING revision, version, created_at
    """

  /// Turns a live entry that matches into a tombstone.
  static let deletion = """
    UPDATE entries SET revision = max(revision + 1, ?2), version = 0, updated_at = ?3,
      expires_at = NULL, content_type = '', value = NULL
    WHERE \(liveMatches) RETURNING revision
    """

  /// The revision of a key's live entry.
  static let liveRevision = "SELECT revision FROM entries WHERE key = ?1 AND NOT \(isDead)"

  /// A key's row but for its value.
  static let wholeState = """
    SELECT revision, version, created_at, updated_at, expires_at, content_type, length(value)
    FROM entries WHERE key = ?1
    """

  /// Stores an entry as it is told.
  static let storing = """
    INSERT INTO entries \(columns) VALUES (?1, ?2, ?7, ?8, ?3, ?4, ?5, ?6)
    ON CONFLICT (key) DO UPDATE SET revision = ?2, version = ?7, created_at = ?8, updated_at = ?3,
      expires_at = ?4, content_type = ?5, value = ?6
    """

  /// Leaves a tombstone as it is told.
  static let burying = """
    INSERT INTO entries (key, revision, version, created_at, updated_at, content_type)
    VALUES (?1, ?2, 0, ?3, ?3, '')
    ON CONFLICT (key) DO UPDATE SET revision = ?2, version = 0, updated_at = ?3,
      expires_at = NULL, content_type = '', value = NULL
    """
}
