import Foundation
import Testing

@testable import Postgres

@Suite("Statements are common to CockroachDB and PostgreSQL")
struct DialectTests {
  @Test("CockroachDB has nothing against any statement", arguments: StatementCatalogue.all)
  func statements(_ item: StatementCatalogue.Item) {
    let objection = Dialect.objection(to: item.statement.text)
    #expect(objection == nil)
  }

  @Test("Nor against any step of a migration", arguments: Migrations.steps.joined())
  func migrations(_ text: String) {
    #expect(Dialect.objection(to: text) == nil)
  }

  @Test("The catalogue has every statement of every file")
  func completeness() throws {
    let sources = URL(filePath: #filePath).appending(path: "../../../../Sources/Postgres/Tables")
      .standardizedFileURL
    for file in try FileManager.default.contentsOfDirectory(
      at: sources, includingPropertiesForKeys: nil)
    {
      let text = try String(contentsOf: file, encoding: .utf8)
      let made = text.matches(of: /[^\w.]Statement\(/).count
      let name = file.deletingPathExtension().lastPathComponent
      let known = Set(
        StatementCatalogue.all.filter { $0.file == name }.map { $0.statement.text })
      // A statement that is put together from parts has several texts.
      #expect(known.count >= made, "\(name) makes \(made) statements")
    }
  }

  @Test("A WITH that writes and returns nothing is refused, whichever it is")
  func silentWrite() throws {
    for item in StatementCatalogue.all where item.statement.text.contains("WITH") {
      for range in item.statement.text.ranges(of: /RETURNING [^)]*\)/) {
        let text = item.statement.text.replacingCharacters(in: range, with: ")")
        let objection = try #require(Dialect.objection(to: text), "\(item.name)")
        #expect(objection.contains("does not return any columns (0A000)"))
      }
    }
  }

  @Test("What CockroachDB does not do is found")
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
