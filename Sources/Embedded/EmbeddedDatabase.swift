internal import Foundation
internal import GRDB
public import KeyValueStore
public import Observability
internal import Synchronization

/// A database in one SQLite file, for a node without neighbours.
///
/// All event loops share it. SQLite blocks, so it is called on threads of its own: one writer,
/// which commits all calls that wait in one transaction, and a few readers.
public final class EmbeddedDatabase: KeyValueStore.Database, Sendable {
  private let writes: JobQueue<WriteSession>
  private let reads: JobQueue<ReadSession>
  private let counts: JobQueue<ReadSession>
  private let folder: DataFolder
  private let readers = DatabaseThreads()
  private let writer = DatabaseThreads()
  private let retentionSeconds: Int64
  private let listTime: Duration

  /// Most rows that a list reads before it lets other reads of its thread go first: one or two
  /// milliseconds.
  private static let listRowsMax = 2_048
  /// Most counts that wait for their thread.
  private static let queuedCountsMax = 16

  /// Added to the bytes of each key and value, so that empty writes are bounded, too.
  private static let callWeight = 256

  /// Opens the database of `configuration.dataFolder`, which is created if it is missing. Blocks:
  /// call it at the start of a process, not on an event loop.
  public init(
    _ configuration: EmbeddedConfiguration,
    metrics: EmbeddedMetrics = EmbeddedMetrics(in: MetricsRegistry())
  ) throws(EmbeddedError) {
    folder = try DataFolder(configuration.dataFolder)
    let file = DatabaseFile(
      path: folder.path(of: "store.sqlite"), configuration: configuration)
    let connection = try file.openChecked()
    retentionSeconds = configuration.retentionSeconds
    listTime = configuration.listTime
    writes = JobQueue(
      jobsMax: configuration.queuedWritesMax, weightMax: configuration.queuedWriteBytesMax,
      queued: metrics.queuedWrites)
    reads = JobQueue(
      jobsMax: configuration.queuedReadsMax, weightMax: .max, queued: metrics.queuedReads)
    counts = JobQueue(
      jobsMax: EmbeddedDatabase.queuedCountsMax, weightMax: .max, queued: metrics.queuedReads)
    do {
      var threads = (1...max(1, configuration.readers)).map {
        (name: "kv-read-\($0)", queue: reads, jobsMax: Reader.sharedJobsMax)
      }
      threads.append((name: "kv-count", queue: counts, jobsMax: 1))
      for (name, queue, jobsMax) in threads {
        let connection = try file.openReader()
        readers.start(name) { [folder] in
          Reader(
            file: file, connection: connection, queue: queue, jobsMax: jobsMax, metrics: metrics,
            now: configuration.now
          ).run()
          withExtendedLifetime(folder) {}
        }
      }
    } catch {
      writes.close()
      reads.close()
      counts.close()
      throw file.startError(SQLiteFailure(error))
    }
    writer.start("kv-write") { [writes, folder] in
      Writer(
        file: file, connection: connection, queue: writes, metrics: metrics,
        configuration: configuration
      ).run()
      // No other database may open the folder before the file is closed.
      withExtendedLifetime(folder) {}
    }
  }

  deinit {
    reads.close()
    counts.close()
    writes.close()
  }

  /// Refuses further calls, runs those that wait, closes the file and unlocks the folder.
  public func close() async {
    reads.close()
    counts.close()
    // The writer's connection must be the last one: closing it copies the log into the database,
    // which a reader can't.
    await readers.ended()
    writes.close()
    await writer.ended()
    folder.unlock()
  }

  // MARK: Database

  public func read(_ keys: [Key]) async throws(StoreError) -> [Lookup] {
    try await reads.call(weight: 0) { session throws(SQLiteFailure) in
      var lookups: [Lookup] = []
      lookups.reserveCapacity(keys.count)
      for key in keys { lookups.append(try session.entries.lookUp(key, at: session.now)) }
      return lookups
    }
  }

  public func write(each writes: [Write], isPatient: Bool) async -> [WriteResult] {
    let weight = writes.reduce(0) { $0 + $1.weight + EmbeddedDatabase.callWeight }
    do throws(StoreError) {
      let receipts = try await self.writes.call(weight: weight) { session throws(SQLiteFailure) in
        try session.write(each: writes)
      }
      return receipts.map { .success($0) }
    } catch {
      return writes.map { _ in .failure(error) }
    }
  }

  public func execute(_ batch: Batch) async throws(StoreError) -> BatchReceipt {
    let weight = batch.operations.reduce(0) { weight, operation in
      switch operation {
      case .get(let key): weight + key.bytes.count + EmbeddedDatabase.callWeight
      case .write(let write): weight + write.weight + EmbeddedDatabase.callWeight
      }
    }
    return try await writes.call(weight: weight) { session throws(SQLiteFailure) in
      try session.execute(batch)
    }
  }

  public func list(_ request: PageRequest) async throws(StoreError) -> Page {
    let end = ContinuousClock.now + listTime
    var scan = PageScan(request)
    repeat {
      let start = scan
      scan = try await reads.call(weight: 0) { session throws(SQLiteFailure) in
        var scan = start
        try session.entries.advance(
          &scan, rowsMax: EmbeddedDatabase.listRowsMax, at: session.now)
        return scan
      }
    } while !scan.isComplete && ContinuousClock.now < end
    return scan.page
  }

  /// On a thread of its own, so that reads of keys do not wait. A count that has waited for others
  /// gets an eighth of its time in any case.
  public func count(
    prefix: [UInt8], within limit: Duration
  ) async throws(StoreError) -> LiveCount {
    let end = ContinuousClock.now + limit
    return try await counts.call(weight: 0) { session throws(SQLiteFailure) in
      try session.entries.count(
        KeyRange(prefix: prefix), at: session.now, until: max(end, .now + limit / 8))
    }
  }

  public func apply(_ queued: [QueuedWrite]) async throws(StoreError) -> [AppliedWrite] {
    let weight = queued.reduce(0) { $0 + $1.write.weight + EmbeddedDatabase.callWeight }
    return try await writes.call(weight: weight) { session throws(SQLiteFailure) in
      try session.apply(queued)
    }
  }

  public func operation(_ id: OperationID) async throws(StoreError) -> OperationRecord? {
    try await reads.call(weight: 0) { [retentionSeconds] session throws(SQLiteFailure) in
      guard let record = try session.operations.record(id) else { return nil }
      let oldest = session.now.adding(seconds: -retentionSeconds)
      return record.updatedAt < oldest ? nil : record
    }
  }

  public func purgeExpired(limit: Int) async throws(StoreError) -> OutboxBatch {
    try await writes.call(weight: 0) { session throws(SQLiteFailure) in
      try session.purgeExpired(limit: limit)
    }
  }

  public func purgeRetained(limit: Int) async throws(StoreError) -> Int {
    try await writes.call(weight: 0) { session throws(SQLiteFailure) in
      try session.purgeRetained(limit: limit)
    }
  }

  /// Takes the write lock, reads, and checks the free space on the disk.
  public func checkHealth() async throws(StoreError) {
    let none = OperationID(trusted: "")
    let freeBytes = try await writes.call(weight: 0) { [folder] session throws(SQLiteFailure) in
      _ = try session.operations.record(none)
      return folder.freeBytes
    }
    // Otherwise only the next write would notice a full disk.
    if freeBytes < DataFolder.freeBytesMin {
      throw .unavailable(cause: "the disk is full: \(freeBytes) bytes free", retryAfter: 10)
    }
    _ = try await operation(none)
  }
}

/// A queue in which nothing waits: a write is applied when it is submitted, by the rules of queued
/// writes, in one commit with the other calls of the database.
public struct EmbeddedQueue: WriteQueue, Sendable {
  private let database: EmbeddedDatabase

  public init(database: EmbeddedDatabase) { self.database = database }

  public var keepsWrites: Bool { false }

  /// Always returns `applied`.
  public func submit(_ queued: QueuedWrite) async throws(StoreError) -> QueueReceipt {
    .applied(try await database.apply([queued])[0])
  }

  public func checkHealth() async throws(StoreError) { try await database.checkHealth() }
}

/// Threads whose end can be awaited.
private final class DatabaseThreads: Sendable {
  private let state = Mutex(State())

  private struct State {
    var running = 0
    var waiting: [CheckedContinuation<Void, Never>] = []
  }

  /// Enough for SQLite, whose statements need little stack.
  private static let stackBytes = 512 << 10

  /// Starts a thread that runs `body` and ends with it.
  func start(_ name: String, _ body: @escaping @Sendable () -> Void) {
    state.withLock { $0.running += 1 }
    let thread = Thread { [self] in
      // A thread can be named for the system (`ps -T`, profilers) only after its start.
      Thread.current.name = name
      body()
      end()
    }
    thread.stackSize = DatabaseThreads.stackBytes
    thread.start()
  }

  /// Returns when all threads have ended.
  func ended() async {
    await withCheckedContinuation { continuation in
      let isOver = state.withLock { state in
        if state.running > 0 { state.waiting.append(continuation) }
        return state.running == 0
      }
      if isOver { continuation.resume() }
    }
  }

  private func end() {
    let waiting = state.withLock { state in
      state.running -= 1
      guard state.running == 0 else { return [CheckedContinuation<Void, Never>]() }
      defer { state.waiting = [] }
      return state.waiting
    }
    for continuation in waiting { continuation.resume() }
  }
}
