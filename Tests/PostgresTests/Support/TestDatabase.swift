import EventLoop
import Foundation
import KeyValueStore
import Logging
import Observability
import Postgres
import StoreContracts
import Synchronization
import TestServices

/// A test's own database on a server, with a clock that the test can set.
///
/// CockroachDB takes seconds to make the tables: there, tests that only need an empty database use
/// the same one, one after the other.
final class TestDatabase: Sendable {
  let admin: AdminConnection
  let url: String
  let name: String
  private let server: any DatabaseServer
  private let isKept: Bool

  private static let count = Atomic<Int>(0)
  private static let keptName = "test_kept"

  init(on server: any DatabaseServer, isFresh: Bool = false) throws {
    self.server = server
    isKept = server is CockroachServer && !isFresh
    let number = TestDatabase.count.wrappingAdd(1, ordering: .relaxed).newValue
    name = isKept ? TestDatabase.keptName : "test_\(number)"
    url = server.url(database: name)
    let owner = try AdminConnection(server.url(database: server.defaultDatabase))
    let isThere = try owner.number("SELECT count(*) FROM pg_database WHERE datname = '\(name)'") > 0
    if !isThere { try owner.run("CREATE DATABASE \(name)") }
    admin = try AdminConnection(url)
    if isThere {
      try empty()
      return
    }
    try admin.run("CREATE TABLE test_clock (id INT8 PRIMARY KEY, ahead INTERVAL NOT NULL)")
    try admin.run("INSERT INTO test_clock VALUES (1, '0 s')")
  }

  /// Removes the rows that another test has left.
  private func empty() throws {
    let tables = try admin.run(
      "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
    for table in tables where table != "migrations" && table != "test_clock" {
      try admin.run("DELETE FROM \(table)")
    }
    try admin.run("UPDATE test_clock SET ahead = '0 s'")
  }

  /// The clock, as SQL.
  static let clock = "(clock_timestamp() + (SELECT ahead FROM test_clock WHERE id = 1))"

  /// The time by the database's clock.
  func now() throws -> Timestamp {
    Timestamp(
      microseconds: try admin.number(
        "SELECT (extract(epoch FROM \(TestDatabase.clock)) * 1000000)::INT8"))
  }

  /// Sets the clock forward, or back.
  func advance(seconds: Int64) throws {
    try admin.run("UPDATE test_clock SET ahead = ahead + '\(seconds) s'::INTERVAL")
  }

  /// Removes the database, even if it is in use.
  func drop() throws {
    if isKept { return }
    try AdminConnection(server.url(database: server.defaultDatabase)).run(server.dropping(name))
  }
}

/// The part of a process that the tests need: event loops, with a database on each.
final class Node: @unchecked Sendable {
  // `@unchecked`: constant but for the tasks, which only the test's own task starts and ends.
  let published = PublishedChanges()
  let registry = MetricsRegistry()
  let databases: [PostgresDatabase]
  private let loops: [EventLoop]
  private var tasks: [Task<Void, Never>] = []

  init(
    _ url: String, loops count: Int = 1, _ change: (inout PostgresConfiguration) -> Void = { _ in }
  ) throws {
    var configuration = PostgresConfiguration(url: url)
    change(&configuration)
    var logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    logger.logLevel = .critical
    var loops: [EventLoop] = []
    for number in 0..<count { loops.append(try EventLoop(name: "loop-\(number)")) }
    self.loops = loops
    databases = try loops.map { [published, registry] loop in
      try PostgresDatabase(
        configuration, loop: loop, published: published, metrics: PostgresMetrics(in: registry),
        logger: logger)
    }
    for loop in loops { loop.start() }
    for (loop, database) in zip(loops, databases) {
      tasks.append(Task(executorPreference: loop.executor) { await database.run() })
    }
  }

  /// The database of the first loop.
  var database: PostgresDatabase { databases[0] }

  /// Closes the connections and ends the loops.
  func close() async {
    for task in tasks { task.cancel() }
    for task in tasks { await task.value }
    tasks = []
    for loop in loops { loop.stop() }
  }
}
