public import KeyValueStore
internal import TestSupport
public import Testing

/// The contract of `Database`: every sentence of the port, and the API's promises as far as a
/// database keeps them.
public enum DatabaseContract {
  public typealias Case = ContractCase<any DatabaseHarness>

  /// Each case needs a harness of its own.
  public static let cases: [Case] =
    writes + revisions + conditions + patches + additions + idempotency + batches
    + patchesInBatches + batchIdempotency + listing + folding + counting
    + queuedWrites + queuedWriteOrder + queuedWriteTimes + purging + concurrency
}

/// One sentence of a port's contract, with its proof on an instance of its own.
public struct ContractCase<Harness>: Sendable, CustomTestStringConvertible {
  public let sentence: String
  public let prove: @Sendable (Harness) async throws -> Void

  /// The name in test reports.
  public var testDescription: String { sentence }

  init(_ sentence: String, _ prove: @escaping @Sendable (Harness) async throws -> Void) {
    self.sentence = sentence
    self.prove = prove
  }
}

/// What the contract needs of an adapter. Each case has its own harness, with an empty database
/// whose retention is 24 h.
public protocol DatabaseHarness: AnyObject {
  /// The database under test.
  var database: any Database { get }

  /// The time by the database's clock.
  func now() async throws -> Timestamp

  /// Advances the database's clock, or makes all that the database holds that much older. Negative:
  /// sets the clock back.
  func advance(seconds: Int64) async throws

  /// Ends the database as a crash does, or at least as a shutdown does, and opens it again.
  func reopen() async throws

  /// Runs `body` `count` times at once, with its number and a database that it may use there.
  func concurrently(
    _ count: Int, _ body: @escaping @Sendable (Int, any Database) async throws -> Void
  ) async throws
}

extension DatabaseHarness {
  func write(_ write: Write) async throws -> WriteReceipt {
    let receipts = try await database.write([write])
    return try #require(receipts.first)
  }

  /// Makes a write that must store a value.
  @discardableResult
  func store(
    _ key: String, _ value: String = "value", contentType: String = "text/plain",
    timeToLive: Int64? = nil, condition: Condition = .none
  ) async throws -> Metadata {
    let write = Write.put(
      key, value, contentType: contentType, timeToLive: timeToLive, condition: condition)
    guard case .stored(let metadata) = try await self.write(write).outcome else {
      throw ContractViolation("\(key) was not stored")
    }
    return metadata
  }

  /// Makes a write that must delete an entry. Returns the tombstone's revision.
  @discardableResult
  func remove(_ key: String) async throws -> Revision {
    guard case .deleted(let revision) = try await write(.delete(key)).outcome else {
      throw ContractViolation("\(key) was not deleted")
    }
    return revision
  }

  func lookup(_ key: String) async throws -> Lookup {
    let lookups = try await database.read([Key(key)])
    return try #require(lookups.first)
  }

  /// A key's value as text, nil if it is absent.
  func value(_ key: String) async throws -> String? {
    try await lookup(key).entry.map { String(decoding: $0.value, as: UTF8.self) }
  }
}

/// A step that a case depends on failed.
struct ContractViolation: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

extension Database {
  /// Writes as a store does: writes that would delay the others are repeated patiently. The first
  /// failure is thrown.
  @discardableResult
  public func write(_ writes: [Write]) async throws(StoreError) -> [WriteReceipt] {
    var results = await write(each: writes, isPatient: false)
    let held = results.indices.filter { place in
      if case .failure(.tooSlow) = results[place] { true } else { false }
    }
    if !held.isEmpty {
      let again = await write(each: held.map { writes[$0] }, isPatient: true)
      for (place, result) in zip(held, again) { results[place] = result }
    }
    var receipts: [WriteReceipt] = []
    for result in results { receipts.append(try result.get()) }
    return receipts
  }
}
