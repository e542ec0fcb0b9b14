import Foundation
import KeyValueStore
import Postgres
import StoreContracts
import Synchronization
import TestServices

/// A database of its own on a server, whose clock the test can set: a function that stands before
/// the server's own in the search path.
final class TestDatabase: Sendable {
  let admin: AdminConnection
  let url: String
  let name: String
  private let serverURL: String

  private static let count = Atomic<Int>(0)

  init(on server: PostgresServer) throws {
    let number = TestDatabase.count.wrappingAdd(1, ordering: .relaxed).newValue
    name = "test_\(number)"
    serverURL = server.url()
    url = server.url(database: name)
    let owner = try AdminConnection(serverURL)
    try owner.run("CREATE DATABASE \(name)")
    try owner.run("ALTER DATABASE \(name) SET search_path = public, pg_catalog")
    admin = try AdminConnection(url)
    try admin.run(
      """
      CREATE TABLE test_clock (ahead FLOAT8 NOT NULL);
      INSERT INTO test_clock VALUES (0);
      CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
        'SELECT pg_catalog.clock_timestamp() + (SELECT make_interval(secs => ahead)
          FROM public.test_clock)'
      """)
  }

  /// The time by the database's clock.
  func now() throws -> Timestamp {
    Timestamp(
      microseconds: try admin.number(
        "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::INT8"))
  }

  /// Sets the clock.
  func advance(seconds: Int64) throws {
    try admin.run("UPDATE test_clock SET ahead = ahead + \(seconds)")
  }

  /// Removes the database, whoever still uses it.
  func drop() throws {
    try AdminConnection(serverURL).run("DROP DATABASE \(name) WITH (FORCE)")
  }
}
