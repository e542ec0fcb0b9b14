import EventLoop
import Foundation
import KeyValueStore
import Logging
import Postgres

/// What one process has: event loops, with a database on each.
final class Node: @unchecked Sendable {
  // `@unchecked`: constant but for the tasks, which only the test's own task starts and ends.
  let published = PublishedChanges()
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
    databases = try loops.map { [published] loop in
      try PostgresDatabase(configuration, loop: loop, published: published, logger: logger)
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
