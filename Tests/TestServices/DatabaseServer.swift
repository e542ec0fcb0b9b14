/// A server that databases can be made on.
public protocol DatabaseServer: AnyObject, Sendable {
  /// The URL of a database; an administrator's.
  func url(database: String) -> String

  /// The database that is always there.
  var defaultDatabase: String { get }

  /// What makes a database go, whoever still uses it.
  func dropping(_ database: String) -> String

  /// Ends the server and removes what it has kept.
  func remove()
}

extension PostgresServer: DatabaseServer {
  /// The database that is always there.
  public var defaultDatabase: String { "postgres" }
  /// The URL of a database; an administrator's.
  public func url(database: String) -> String { url(database: database, parameters: "") }
  /// What makes a database go, whoever still uses it.
  public func dropping(_ database: String) -> String { "DROP DATABASE \(database) WITH (FORCE)" }
}

extension CockroachServer: DatabaseServer {
  /// The database that is always there.
  public var defaultDatabase: String { "defaultdb" }
  /// What makes a database go, whoever still uses it.
  public func dropping(_ database: String) -> String { "DROP DATABASE \(database) CASCADE" }
}
