import GRDB

/// The tables, and the steps that lead to them. A step that has been released is never changed.
enum Schema {
  /// "kvdb": marks the file as one of ours (https://sqlite.org/pragma.html#pragma_application_id).
  static let applicationID: Int32 = 0x6B76_6462

  /// All steps; GRDB records the applied ones in `grdb_migrations`.
  static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1: entries, operations, idempotency") { database in
      try database.execute(sql: tables)
    }
    return migrator
  }

  /// `version` 0 marks a tombstone, so that no statement has to look at a value, which may be a
  /// megabyte on overflow pages, to see whether there is one; the value comes last in its row for
  /// the same reason.
  ///
  /// A rowid table with an index on the key, not `WITHOUT ROWID`: measured, rows of 100 bytes cost
  /// the same or less, those of 2 KB less than half and those of 1 MB a third, because a long row
  /// in the key's own tree has to be moved whenever the tree is changed.
  private static let tables = """
    PRAGMA application_id = \(applicationID);
    CREATE TABLE entries (
      id INTEGER PRIMARY KEY,
      key BLOB NOT NULL UNIQUE,
      revision INTEGER NOT NULL,
      version INTEGER NOT NULL,
      created_at INTEGER NOT NULL,
      updated_at INTEGER NOT NULL,
      expires_at INTEGER,
      content_type TEXT NOT NULL,
      value BLOB
    ) STRICT;
    CREATE INDEX entries_expiring ON entries (expires_at) WHERE expires_at IS NOT NULL;
    CREATE INDEX entries_deleted ON entries (updated_at) WHERE version = 0;
    CREATE TABLE operations (
      id TEXT PRIMARY KEY NOT NULL,
      state TEXT NOT NULL,
      revision INTEGER,
      updated_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX operations_by_age ON operations (updated_at);
    CREATE TABLE idempotency (
      id INTEGER PRIMARY KEY,
      name TEXT NOT NULL UNIQUE,
      fingerprint BLOB NOT NULL,
      outcome BLOB NOT NULL,
      created_at INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX idempotency_by_age ON idempotency (created_at);
    CREATE TABLE repairs (id INTEGER PRIMARY KEY CHECK (id = 1), count INTEGER NOT NULL) STRICT;
    INSERT INTO repairs VALUES (1, 0);
    """
}
