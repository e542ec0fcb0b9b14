import Foundation
import KeyValueStore
import StoreContracts
import TestServices
import Testing

@testable import Postgres
import TestSupport

extension OnAnyDatabase {
  /// How statements find their rows in large tables: none may scan all of one.
  @Suite("Plans", .serialized)
  struct PlanTests {
    @Test("No statement scans a whole table or compares all rows with all, for any parameters")
    func plans() async throws {
      let target = try await LargeTables.make()
      var faults: [String] = []
      for item in StatementCatalogue.all {
        let lines =
          SharedServer.isCockroach
          ? try target.admin.explain(item.statement)
          : try target.admin.explainGenericPlan(of: item.statement)
        let fault =
          SharedServer.isCockroach ? Plan.cockroachFault(lines) : Plan.postgresFault(lines)
        if let fault { faults.append("\(item.name): \(fault)\n\(lines.joined(separator: "\n"))") }
      }
      #expect(faults.isEmpty, "\(faults.joined(separator: "\n\n"))")
      try target.drop()
    }

  }
}

extension OnCockroach {
  /// Proves that a wrong plan would be found.
  @Suite("Plans of CockroachDB")
  struct CockroachPlanTests {
    @Test("Statements on tables that were empty at their last statistics use indexes, too")
    func smallTables() async throws {
      let target = try TestDatabase(on: try #require(SharedServer.current), isFresh: true)
      let node = try Node(target.url)
      _ = try await node.database.read([Key("none")])
      await node.close()
      for table in ["entries", "operations", "idempotency", "outbox_batches", "outbox"] {
        try target.admin.run("CREATE STATISTICS small FROM \(table)")
      }
      let lock = Entries.lock((0..<100).map { Key("\($0)") }).statement
      var lines = try target.admin.explain(lock)
      #expect(Plan.cockroachFault(lines) != nil, "\(lines.joined(separator: "\n"))")
      for setting in Pool.cockroachSettings { try target.admin.run("SET \(setting)") }
      for item in StatementCatalogue.all {
        lines = try target.admin.explain(item.statement)
        #expect(!lines.contains { $0.contains("FULL SCAN") }, "\(lines.joined(separator: "\n"))")
      }
      try target.drop()
    }

    @Test("A bound that is a sub-query is found")
    func subQuery() async throws {
      let target = try await LargeTables.make()
      let oldest = Outbox.oldest(after: 0, until: 1, limit: 1)[0].statement
      var lines = try target.admin.explain(oldest)
      #expect(Plan.cockroachFault(lines) == nil, "\(lines.joined(separator: "\n"))")
      let text = oldest.text.replacing(
        "bucket = $1", with: "bucket = (SELECT max(version) + $1 FROM migrations)")
      lines = try target.admin.explain(Statement(text, oldest.parameters))
      #expect(Plan.cockroachFault(lines) != nil, "\(lines.joined(separator: "\n"))")
      try target.drop()
    }
  }
}

/// A database of large tables.
enum LargeTables {
  static func make() async throws -> TestDatabase {
    let target = try TestDatabase(on: try #require(SharedServer.current), isFresh: true)
    let node = try Node(target.url) { $0.deadline = .seconds(60) }
    _ = try await node.database.write([.put("first")])
    await node.close()
    try fill(target)
    return target
  }

  /// Adds the rows, and the statistics for the planner.
  private static func fill(_ target: TestDatabase) throws {
    let count = StatementCatalogue.rows
    // In pieces, because CockroachDB bounds the size of a transaction.
    for start in stride(from: 0, to: count, by: 20_000) {
      let numbers = "generate_series(\(start), \(start + 19_999)) AS g(n)"
      for sql in [
        """
        INSERT INTO entries (key, value, content_type, revision, version, created_at, updated_at,
          expires_at)
        SELECT convert_to('key-' || n::TEXT, 'UTF8'),
          CASE WHEN n % 10 > 0 THEN convert_to('value', 'UTF8') END, 'text/plain', n, n, n, n,
          CASE WHEN n % 3 = 0 THEN n END FROM \(numbers)
        """,
        """
        INSERT INTO operations (id, state, revision, updated_at)
        SELECT 'operation-' || n::TEXT, 'applied', n, n FROM \(numbers)
        """,
        """
        INSERT INTO idempotency (name, fingerprint, outcome, created_at)
        SELECT convert_to('name-' || n::TEXT, 'UTF8'), '', '', n FROM \(numbers)
        """,
        """
        INSERT INTO outbox_batches (bucket, committed_at, number, keys, revisions, versions,
          sizes, content_types, created, updated, expiring)
        SELECT n % 8, n, n, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}' FROM \(numbers)
        """,
        """
        INSERT INTO outbox (revision, key, kind, version, size, content_type, created_at,
          updated_at)
        SELECT n, convert_to('key-' || n::TEXT, 'UTF8'), 1, 1, 1, '', n, n FROM \(numbers)
        WHERE n < 100
        """,
      ] {
        try target.admin.run(sql)
      }
    }
    for table in ["entries", "operations", "idempotency", "outbox_batches"] {
      let statistics =
        SharedServer.isCockroach ? "CREATE STATISTICS fresh FROM \(table)" : "ANALYZE \(table)"
      try target.admin.run(statistics)
    }
  }
}

/// Reads plans.
enum Plan {
  /// CockroachDB reports for each scan which part of an index it reads.
  static func cockroachFault(_ lines: [String]) -> String? {
    var table = ""
    for line in lines {
      if line.contains("table: ") { table = line }
      // The old outbox is empty except during an upgrade.
      if line.contains("FULL SCAN"), !table.contains("outbox@"), !table.contains("migrations") {
        return "a full scan of \(table.drop { $0 == " " || $0 == "│" })"
      }
    }
    return nil
  }

  /// PostgreSQL expects ten rows in any array. A plan that compares rows with each of its elements
  /// in turn is slow when there are a thousand.
  static func postgresFault(_ lines: [String]) -> String? {
    guard let data = lines.joined().data(using: .utf8),
      let root = try? JSONSerialization.jsonObject(with: data) as? [[String: Any]],
      let plan = root.first?["Plan"] as? [String: Any]
    else { return "the plan can't be read" }
    return fault(plan)
  }

  private static func fault(_ node: [String: Any]) -> String? {
    let parts = node["Plans"] as? [[String: Any]] ?? []
    let kind = node["Node Type"] as? String ?? ""
    let relation = node["Relation Name"] as? String ?? ""
    if kind == "Seq Scan", relation != "outbox", relation != "migrations" {
      return "a sequential scan of \(relation)"
    }
    if kind == "Nested Loop", parts.count == 2, isLong(parts[0]), isArray(parts[1]) {
      return "a nested loop over an array"
    }
    return parts.lazy.compactMap { fault($0) }.first
  }

  /// Whether a node may return many rows: all but the clock, which is one row.
  private static func isLong(_ node: [String: Any]) -> Bool {
    node["CTE Name"] as? String != "clock"
  }

  /// Whether each scan of a node reads an array, or rows that were made from one.
  private static func isArray(_ node: [String: Any]) -> Bool {
    switch node["Node Type"] as? String {
    case "Function Scan": return true
    case "CTE Scan": return node["CTE Name"] as? String != "clock"
    case "Materialize", "Subquery Scan", "Sort", "Limit":
      return (node["Plans"] as? [[String: Any]] ?? []).contains { isArray($0) }
    default: return false
    }
  }
}
