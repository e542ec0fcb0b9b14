public import KeyValueStore
import Testing

/// What the database's contract needs to know of an adapter. One harness a case, with an empty
/// database whose retention is 24 h.
public protocol DatabaseHarness: AnyObject {
  /// The database under test.
  var database: any Database { get }

  /// The time by the database's clock.
  func now() async throws -> Timestamp

  /// Lets the database's clock move on, or makes all that it holds that much older. Negative: sets
  /// the clock back.
  func advance(seconds: Int64) async throws

  /// Ends the database as a crash would, or at least as a shutdown does, and opens it again.
  func reopen() async throws

  /// Runs `body` `count` times at once, with its number and a database that it may use there.
  func concurrently(
    _ count: Int, _ body: @escaping @Sendable (Int, any Database) async throws -> Void
  ) async throws
}

extension DatabaseHarness {
  /// Carries out one write.
  func write(_ write: Write) async throws -> WriteReceipt {
    let receipts = try await database.write([write])
    return try #require(receipts.first)
  }

  /// Carries out a write that must store a value.
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

  /// Carries out a write that must delete an entry; returns its tombstone's revision.
  @discardableResult
  func remove(_ key: String) async throws -> Revision {
    guard case .deleted(let revision) = try await write(.delete(key)).outcome else {
      throw ContractViolation("\(key) was not deleted")
    }
    return revision
  }

  /// What a key holds.
  func lookup(_ key: String) async throws -> Lookup {
    let lookups = try await database.read([Key(key)])
    return try #require(lookups.first)
  }

  /// A key's value as text, nil if it is absent.
  func value(_ key: String) async throws -> String? {
    try await lookup(key).entry.map { String(decoding: $0.value, as: UTF8.self) }
  }
}

/// A step that a case depends on did not work.
struct ContractViolation: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
