import Foundation
import KeyValueStore

@testable import Postgres

/// Every statement that the adapter sends, with parameters of the sizes that it sends: what is
/// tested of all of them is tested of each that is added.
enum StatementCatalogue {
  /// A statement, and the file that makes it.
  struct Item: CustomStringConvertible, Sendable {
    let file: String
    let name: String
    let statement: Statement
    var description: String { name }
  }

  /// How many entries, operations and idempotency keys the tables hold where plans are looked at.
  static let rows = 200_000

  static var all: [Item] {
    lookUps + bulkWrites + locked + records + outbox + upkeep
  }

  /// What is said elsewhere than in `Tables`: transactions, settings, questions about the server.
  static let simple = [
    "BEGIN ISOLATION LEVEL SERIALIZABLE", "BEGIN ISOLATION LEVEL READ COMMITTED", "COMMIT",
    "ROLLBACK",
  ]

  private static let now: Int64 = 1_700_000_000_000_000
  private static let time = Timestamp(microseconds: now)
  private static let id = OutboxID(committedAt: time, number: 7)

  /// Keys as they are in the tables: `EntrySample` makes them.
  private static let keys = (0..<100).map { Key("key-\($0 * 1_999)") }

  private static let lookUps = [
    Item(file: "LookUp", name: "look-up of one key", statement: LookUp.statement([keys[0]])),
    Item(file: "LookUp", name: "look-up of many", statement: LookUp.statement(keys)),
    Item(
      file: "Listing", name: "list of all",
      statement: Listing.statement(PageRequest(), entriesMax: 100)),
    Item(
      file: "Listing", name: "list of a prefix after a key with values",
      statement: Listing.statement(
        PageRequest(prefix: Array("key-1".utf8), after: keys[1], includesValues: true),
        entriesMax: 100)),
  ]

  private static let bulkWrites = [BulkWrites.Kind.puts, .creations, .replacements].map { kind in
    Item(
      file: "BulkWrites", name: "\(kind)",
      statement: BulkWrites.statement(
        kind, keys.map { [Write(key: $0, mutation: .delete)] }, validUntil: now, as: id))
  }

  private static let states = keys.map { KeyState(key: $0, revision: Revision(now)) }

  private static let locked = [
    Item(file: "LockedEntries", name: "lock of entries", statement: LockedEntries.lock(keys)),
    Item(file: "LockedEntries", name: "values of entries", statement: LockedEntries.values(keys)),
    Item(
      file: "LockedEntries", name: "insertion of entries",
      statement: LockedEntries.insert(states.map { ($0, []) }, at: time)),
    Item(
      file: "LockedEntries", name: "update of entries",
      statement: LockedEntries.update(states.map { ($0, []) }, at: time)),
    Item(
      file: "LockedEntries", name: "advance of revisions", statement: LockedEntries.advance(states)
    ),
    Item(
      file: "Idempotency", name: "lock of names",
      statement: Idempotency.lock(keys.map { String(decoding: $0.bytes, as: UTF8.self) })),
    Item(
      file: "Idempotency", name: "insertion of names",
      statement: Idempotency.insert([(IdempotencyKey(name: "n", fingerprint: []), [])], at: time)),
    Item(
      file: "Idempotency", name: "update of names",
      statement: Idempotency.update([(IdempotencyKey(name: "n", fingerprint: []), [])], at: time)),
  ]

  private static let ids = (0..<100).map { OperationID(trusted: "operation-\($0 * 1_999)") }

  private static let records = [
    Item(file: "Operations", name: "young records", statement: Operations.records(ids, within: 1)),
    Item(file: "Operations", name: "records", statement: Operations.all(ids)),
    Item(
      file: "Operations", name: "insertion of records",
      statement: Operations.insert([
        OperationRecord(id: ids[0], state: .applied, revision: nil, updatedAt: time)
      ])),
    Item(file: "Operations", name: "failures", statement: Operations.fail(ids)),
  ]

  private static let outboxIDs = (0..<100).map { OutboxID(committedAt: time, number: $0) }

  private static let outbox = [
    Item(
      file: "Outbox", name: "insertion into the outbox",
      statement: Outbox.insertion(
        [Change(key: keys[0], revision: .none, kind: .delete)], as: id, at: time)),
    Item(
      file: "Outbox", name: "oldest of the outbox",
      statement: Outbox.oldest(after: now, until: now + 1_000, limit: 20)[0]),
    Item(file: "Outbox", name: "settlement", statement: Outbox.settlement(outboxIDs)),
    Item(file: "Outbox", name: "removal", statement: Outbox.removal(outboxIDs)),
    Item(file: "Outbox", name: "commits", statement: Outbox.commits(outboxIDs)),
    Item(
      file: "Outbox", name: "repairs of the cache",
      statement: Outbox.repairs(after: now, until: now + 1_000, limit: 20)),
    Item(file: "Outbox", name: "request for repair", statement: Outbox.repairRequest(outboxIDs)),
    Item(file: "Outbox", name: "end of repair", statement: Outbox.repairEnd(outboxIDs)),
    Item(file: "Outbox", name: "open repairs", statement: Outbox.openRepairs(outboxIDs)),
    Item(
      file: "Outbox", name: "adoption of the old outbox",
      statement: Outbox.adoption(until: now, as: id)),
  ]

  private static let upkeep =
    [
      Item(
        file: "Purging", name: "expired entries",
        statement: Purging.expired(by: now, limit: 500)[0]),
      Item(
        file: "Purging", name: "removal of settled commits",
        statement: Purging.removalOfSettled(bucket: 9, before: now, limit: 500)),
    ]
    + Purging.retained.map { table in
      Item(
        file: "Purging", name: "removal from \(table.name)",
        statement: Purging.removal(from: table, bucket: 1, before: now, limit: 500))
    }
}
