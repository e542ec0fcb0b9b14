import Foundation
import GRDB
public import KeyValueStore

/// A database in one SQLite file, for a node without neighbours.
///
/// Shared by all event loops. SQLite blocks, so it is called on threads of its own: one writer,
/// which turns all calls that wait into one commit, and a few readers.
public final class EmbeddedDatabase: KeyValueStore.Database, Sendable {
  private let writes: JobQueue<WriteSession>
  private let reads: JobQueue<ReadSession>
  private let counters = DatabaseCounters()
  private let folder: DataFolder
  private let readers = DatabaseThreads()
  private let writer = DatabaseThreads()
  private let retentionSeconds: Int64

  /// What a call weighs beside its keys and values, so that empty ones are bounded too.
  private static let callWeight = 256

  /// Opens the database of `configuration.dataFolder`, which is made if it is missing. Blocks for
  /// as long as that takes: for the start of a process, not for an event loop.
  public init(_ configuration: EmbeddedConfiguration) throws(EmbeddedError) {
    folder = try DataFolder(configuration.dataFolder)
    let file = DatabaseFile(
      path: folder.path(of: "store.sqlite"), configuration: configuration)
    let connection = try file.openChecked()
    retentionSeconds = configuration.retentionSeconds
    writes = JobQueue(
      jobsMax: configuration.queuedWritesMax, weightMax: configuration.queuedWriteBytesMax)
    reads = JobQueue(jobsMax: configuration.queuedReadsMax, weightMax: .max)
    do {
      for number in 1...max(1, configuration.readers) {
        let connection = try file.openReader()
        readers.start("kv-read-\(number)") { [reads, counters, folder] in
          Reader(
            file: file, connection: connection, queue: reads, counters: counters,
            now: configuration.now
          ).run()
          withExtendedLifetime(folder) {}
        }
      }
    } catch {
      writes.close()
      reads.close()
      throw file.startError(SQLiteFailure(error))
    }
    writer.start("kv-write") { [writes, counters, folder] in
      Writer(
        file: file, connection: connection, queue: writes, counters: counters,
        configuration: configuration
      ).run()
      // Nobody else may open the folder before the file is closed.
      withExtendedLifetime(folder) {}
    }
  }

  deinit {
    reads.close()
    writes.close()
  }

  /// Refuses further calls, carries out those that wait, closes the file and gives the folder free.
  public func close() async {
    reads.close()
    // The last connection to be closed copies the log into the database, and a reader can't.
    await readers.ended()
    writes.close()
    await writer.ended()
    folder.unlock()
  }

  /// What the database has done since it was opened.
  public var statistics: EmbeddedStatistics {
    counters.snapshot(queuedWrites: writes.depth, queuedReads: reads.depth)
  }

  // MARK: Database

  /// See `Database`.
  public func read(_ keys: [Key]) async throws(StoreError) -> [Lookup] {
    try await reads.call(weight: 0) { session throws(SQLiteFailure) in
      var lookups: [Lookup] = []
      lookups.reserveCapacity(keys.count)
      for key in keys { lookups.append(try session.entries.lookup(key, at: session.now)) }
      return lookups
    }
  }

  /// See `Database`.
  public func write(each writes: [Write], isPatient: Bool) async -> [WriteResult] {
    let weight = writes.reduce(0) { $0 + $1.weight + EmbeddedDatabase.callWeight }
    do throws(StoreError) {
      let receipts = try await self.writes.call(weight: weight) { session throws(SQLiteFailure) in
        var receipts: [WriteReceipt] = []
        receipts.reserveCapacity(writes.count)
        for write in writes { receipts.append(try session.write(write)) }
        return receipts
      }
      return receipts.map { .success($0) }
    } catch {
      return writes.map { _ in .failure(error) }
    }
  }

  /// See `Database`.
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

  /// See `Database`.
  public func list(_ request: PageRequest) async throws(StoreError) -> Page {
    try await reads.call(weight: 0) { session throws(SQLiteFailure) in
      try session.entries.list(request, at: session.now)
    }
  }

  /// See `Database`.
  public func apply(_ queued: [QueuedWrite]) async throws(StoreError) -> [AppliedWrite] {
    let weight = queued.reduce(0) { $0 + $1.write.weight + EmbeddedDatabase.callWeight }
    return try await writes.call(weight: weight) { session throws(SQLiteFailure) in
      var applied: [AppliedWrite] = []
      for write in queued { applied.append(try session.apply(write)) }
      return applied
    }
  }

  /// See `Database`.
  public func operation(_ id: OperationID) async throws(StoreError) -> OperationRecord? {
    try await reads.call(weight: 0) { [retentionSeconds] session throws(SQLiteFailure) in
      guard let record = try session.operations.record(id) else { return nil }
      let oldest = session.now.adding(seconds: -retentionSeconds)
      return record.updatedAt < oldest ? nil : record
    }
  }

  /// See `Database`.
  public func purgeExpired(limit: Int) async throws(StoreError) -> OutboxBatch {
    try await writes.call(weight: 0) { session throws(SQLiteFailure) in
      OutboxBatch(id: nil, changes: try session.purgeExpired(limit: limit))
    }
  }

  /// See `Database`.
  public func purgeRetained(limit: Int) async throws(StoreError) -> Int {
    try await writes.call(weight: 0) { session throws(SQLiteFailure) in
      try session.purgeRetained(limit: limit)
    }
  }

  /// See `Database`. Takes the write lock, reads, and looks for free space on the disk.
  public func checkHealth() async throws(StoreError) {
    let none = OperationID(trusted: "")
    let freeBytes = try await writes.call(weight: 0) { [folder] session throws(SQLiteFailure) in
      _ = try session.operations.record(none)
      return folder.freeBytes
    }
    // A full disk would be noticed by the next write only.
    if freeBytes < DataFolder.freeBytesMin {
      throw .unavailable(cause: "the disk is full: \(freeBytes) bytes free", retryAfter: 10)
    }
    _ = try await operation(none)
  }
}
