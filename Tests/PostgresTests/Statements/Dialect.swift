import Foundation

/// What CockroachDB refuses of PostgreSQL's SQL, or does otherwise, as far as this project has met
/// it. Looks at the text alone, so that it holds where there is no CockroachDB.
enum Dialect {
  /// What CockroachDB would say, or why it matters; nil: nothing is wrong.
  static func objection(to sql: String) -> String? {
    let text = sql.replacing(/\s+/, with: " ")
    return silentWrite(in: text) ?? secondWrite(in: text) ?? unboundedBound(in: text)
      ?? forbiddenWord(in: text)
  }

  /// A part of a WITH: its name, and what stands in its parentheses.
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

  /// A bound that comes from a sub-query is none to the planner, which scans the whole index.
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
