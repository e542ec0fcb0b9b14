import Foundation
import Testing

@testable import Postgres

@Suite("Statements are common to CockroachDB and PostgreSQL")
struct DialectTests {
  @Test("CockroachDB accepts every statement", arguments: StatementCatalogue.all)
  func statements(_ item: StatementCatalogue.Item) {
    let objection = Dialect.objection(to: item.statement.text)
    #expect(objection == nil)
  }

  @Test("CockroachDB accepts every step of a migration", arguments: Migrations.steps.joined())
  func migrations(_ text: String) {
    #expect(Dialect.objection(to: text) == nil)
  }

  @Test("The catalogue has every statement of every file")
  func completeness() throws {
    let making = try Regex(#"[^\w.](Statement|Query)\("#)
    let sources = URL(filePath: #filePath).appending(path: "../../../../Sources/Postgres/Tables")
      .standardizedFileURL
    for file in try FileManager.default.contentsOfDirectory(
      at: sources, includingPropertiesForKeys: nil)
    {
      let text = try String(contentsOf: file, encoding: .utf8)
      let made = text.matches(of: making).count
      let name = file.deletingPathExtension().lastPathComponent
      let known = Set(
        StatementCatalogue.all.filter { $0.file == name }.map { $0.statement.text })
      // A statement that is composed of parts has several texts.
      #expect(known.count >= made, "\(name) makes \(made) statements")
    }
  }

  @Test("Every statement whose WITH writes and returns nothing is refused")
  func silentWrite() throws {
    let returning = try Regex(#"RETURNING [^)]*\)"#)
    for item in StatementCatalogue.all where item.statement.text.contains("WITH") {
      for range in item.statement.text.ranges(of: returning) {
        let text = item.statement.text.replacingCharacters(in: range, with: ")")
        let objection = try #require(Dialect.objection(to: text), "\(item.name)")
        #expect(objection.contains("does not return any columns (0A000)"))
      }
    }
  }

  @Test("SQL that CockroachDB does not support is found")
  func objections() {
    for (text, words) in [
      ("WITH a AS (DELETE FROM t RETURNING k) INSERT INTO t SELECT k FROM a", "modification"),
      ("SELECT k FROM t WHERE at <= (SELECT now FROM clock)", "FULL SCAN"),
      ("DELETE FROM t WHERE k = 1 LIMIT 5", "42601"), ("SELECT 1 FOR UPDATE SKIP LOCKED", "SKIP"),
    ] {
      #expect(Dialect.objection(to: text)?.contains(words) == true, "\(text)")
    }
  }
}

/// What CockroachDB refuses of PostgreSQL's SQL, or does differently, as far as this project has
/// met it. Checks only the text, so that it works without CockroachDB.
enum Dialect {
  /// CockroachDB's error, or why the SQL is wrong; nil: nothing is wrong.
  static func objection(to sql: String) -> String? {
    let text = sql.replacing(/\s+/, with: " ")
    return silentWrite(in: text) ?? secondWrite(in: text) ?? unboundedBound(in: text)
      ?? forbiddenWord(in: text)
  }

  /// The parts of a WITH: their names, and the text in their parentheses.
  private static func parts(of text: String) -> [(name: String, body: String)] {
    text.matches(of: /(\w+) AS \(/).map { match in
      var depth = 1
      var end = match.range.upperBound
      while end < text.endIndex, depth > 0 {
        if text[end] == "(" { depth += 1 }
        if text[end] == ")" { depth -= 1 }
        end = text.index(after: end)
      }
      return (String(match.1), String(text[match.range.upperBound..<end]))
    }
  }

  private static func silentWrite(in text: String) -> String? {
    let silent = parts(of: text).first { part in
      let body = part.body.drop { $0 == " " }
      return ["INSERT", "UPDATE", "DELETE"].contains { body.hasPrefix($0) }
        && !body.contains("RETURNING")
    }
    return silent.map { #"WITH clause "\#($0.name)" does not return any columns (0A000)"# }
  }

  private static func secondWrite(in text: String) -> String? {
    let plain = text.replacing("DO UPDATE", with: "").replacing("FOR UPDATE", with: "")
    var seen: Set<Substring> = []
    for match in plain.matches(of: /(?:INSERT INTO|DELETE FROM|UPDATE) (\w+)/) {
      guard seen.insert(match.1).inserted else {
        return "multiple modification subqueries of the same table \"\(match.1)\" are not "
          + "supported (0A000)"
      }
    }
    return nil
  }

  /// The planner can't use a bound that comes from a sub-query, and scans the whole index.
  private static func unboundedBound(in text: String) -> String? {
    let match = text.firstMatch(of: /(\w+) (<|<=|>|>=) \(\s*SELECT/)
    return match.map { "the bound of \($0.1) is a sub-query: spans: FULL SCAN" }
  }

  private static let forbidden = [
    "UPSERT", "xmax", "pg_advisory", "SKIP LOCKED", "LISTEN", "NOTIFY", "COLLATE", "SERIAL ",
    "CREATE DOMAIN", "LATERAL", "INT4", "::INT ", "ON CONFLICT ON CONSTRAINT",
  ]

  private static func forbiddenWord(in text: String) -> String? {
    if let word = forbidden.first(where: { text.contains($0) }) {
      return "not common to both databases: \(word)"
    }
    let limited = text.contains(/DELETE FROM \w+ WHERE [^()]* LIMIT/)
    return limited ? "syntax error at or near \"limit\" (42601), on PostgreSQL" : nil
  }
}
