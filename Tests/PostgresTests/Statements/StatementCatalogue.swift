import Foundation
import KeyValueStore

@testable import Postgres
import TestSupport

/// Every statement on the tables, with parameters of the sizes that the adapter sends. A test of
/// all of them also tests each that is added.
enum StatementCatalogue {
  /// A statement, and the file that makes it.
  struct Item: CustomStringConvertible, Sendable {
    let file: String
    let name: String
    let statement: Statement
    var description: String { name }

    init(file: String, name: String, _ statement: Statement) {
      self.file = file
      self.name = name
      self.statement = statement
    }
  }

  /// How many entries, operations and idempotency keys the tables hold in tests of plans.
  static let rows = 200_000

  static var all: [Item] { entries + bulkWrites + bulkPatches + records + outbox + upkeep }

  private static let now: Int64 = 1_700_000_000_000_000
  private static let time = Timestamp(microseconds: now)
  private static let id = OutboxID(committedAt: time, number: 7)

  /// Keys that are in the tables of `LargeTables`.
  private static let keys = (0..<100).map { Key("key-\($0 * 1_999)") }

  private static let entries = [
    Item(file: "Entries", name: "look-up of one key", Entries.lookUp([keys[0]]).statement),
    Item(file: "Entries", name: "look-up of many", Entries.lookUp(keys).statement),
    Item(
      file: "Entries", name: "list of all",
      Entries.scan(KeyRange(prefix: []), isReversed: false, rowsMax: 101, liveMax: 101).statement),
    Item(
      file: "Entries", name: "list of a prefix backwards",
      Entries.scan(
        KeyRange(prefix: Array("key-1".utf8)), isReversed: true, rowsMax: 16_384, liveMax: 404
      ).statement),
    Item(
      file: "Entries", name: "values of a list",
      Entries.valued(keys, isReversed: false, bytesMax: 8 << 20).statement),
    Item(
      file: "Entries", name: "values of a list backwards",
      Entries.valued(keys, isReversed: true, bytesMax: 8 << 20).statement),
    Item(
      file: "Entries", name: "count",
      Entries.count(KeyRange(prefix: Array("key-1".utf8)), rowsMax: 100_000).statement),
    Item(file: "Entries", name: "lock of entries", Entries.lock(keys).statement),
    Item(file: "Entries", name: "values of entries", Entries.values(keys).statement),
    Item(
      file: "Entries", name: "insertion of entries",
      Entries.insert(states.map { ($0, []) }, at: time)),
    Item(
      file: "Entries", name: "update of entries",
      Entries.update(states.map { ($0, []) }, at: time)),
    Item(file: "Entries", name: "patch of entries", Entries.patch(states)),
    Item(file: "Entries", name: "advance of revisions", Entries.advance(states)),
    Item(file: "Entries", name: "clock", SQL.clockReading.statement),
  ]

  private static let states = keys.map {
    KeyState(key: $0, revision: Revision(now), lastChange: Revision(now))
  }

  private static let bulkWrites = [BulkWrites.Kind.puts, .creations, .replacements].map { kind in
    Item(
      file: "BulkWrites", name: "\(kind)",
      BulkWrites.query(
        kind, keys.map { [Write(key: $0, mutation: .delete)] }, validUntil: now, as: id
      ).statement)
  }

  private static let bulkPatches =
    [
      Item(
        file: "BulkPatches", name: "patches",
        BulkPatches.patches(
          keys.map { Write(key: $0, mutation: .patch(Patch())) }, validUntil: now, as: id
        ).statement)
    ]
    + BulkPatches.Settings.all.map { settings in
      Item(
        file: "BulkPatches", name: "additions, \(settings)",
        BulkPatches.additions(
          settings,
          keys.map { key in (1...3).map { Write(key: key, mutation: .patch(Patch(amount: $0))) } },
          validUntil: now, as: id
        ).statement)
    }

  private static let ids = (0..<100).map { OperationID(trusted: "operation-\($0 * 1_999)") }

  private static let records = [
    Item(
      file: "Records", name: "lock of names",
      Records.lockOutcomes(named: keys.map { String(decoding: $0.bytes, as: UTF8.self) })
        .statement),
    Item(
      file: "Records", name: "insertion of names",
      Records.insert([(IdempotencyKey(name: "n", fingerprint: []), [])], at: time)),
    Item(
      file: "Records", name: "update of names",
      Records.update([(IdempotencyKey(name: "n", fingerprint: []), [])], at: time)),
    Item(file: "Records", name: "young records", Records.operations(ids, within: 1).statement),
    Item(file: "Records", name: "records", Records.operations(ids).statement),
    Item(
      file: "Records", name: "insertion of records",
      Records.insert([
        OperationRecord(id: ids[0], state: .applied, revision: nil, updatedAt: time)
      ])),
    Item(file: "Records", name: "failures", Records.insertFailures(of: ids)),
  ]

  private static let outboxIDs = (0..<100).map { OutboxID(committedAt: time, number: $0) }

  private static let outbox = [
    Item(
      file: "Outbox", name: "insertion into the outbox",
      Outbox.insertion(
        [Change(key: keys[0], revision: .none, kind: .delete)], as: id, at: time)),
    Item(
      file: "Outbox", name: "oldest of the outbox",
      Outbox.oldest(after: now, until: now + 1_000, limit: 20)[0].statement),
    Item(file: "Outbox", name: "settlement", Outbox.settlement(outboxIDs)),
    Item(file: "Outbox", name: "removal", Outbox.removal(outboxIDs)),
    Item(file: "Outbox", name: "commits", Outbox.commits(outboxIDs).statement),
    Item(
      file: "Outbox", name: "repairs of the cache",
      Outbox.repairs(after: now, until: now + 1_000, limit: 20).statement),
    Item(file: "Outbox", name: "request for repair", Outbox.repairRequest(outboxIDs)),
    Item(file: "Outbox", name: "end of repair", Outbox.repairEnd(outboxIDs)),
    Item(file: "Outbox", name: "open repairs", Outbox.openRepairs(outboxIDs).statement),
    Item(
      file: "Outbox", name: "adoption of the old outbox", Outbox.adoption(until: now, as: id)),
  ]

  private static let upkeep =
    [
      Item(
        file: "Purging", name: "expired entries",
        Purging.expired(by: now, limit: 500)[0].statement),
      Item(
        file: "Purging", name: "removal of settled commits",
        Purging.removalOfSettled(bucket: 9, before: now, limit: 500)),
    ]
    + Purging.retained.map { table in
      Item(
        file: "Purging", name: "removal from \(table.name)",
        Purging.removal(from: table, bucket: 1, before: now, limit: 500))
    }
}
