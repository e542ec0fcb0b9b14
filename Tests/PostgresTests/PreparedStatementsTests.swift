import Testing

@testable import Postgres

@Suite("Statements that come again are prepared")
struct PreparedStatementsTests {
  @Test("The second time, under a name of its own, and by the name from then on")
  func repeated() {
    var statements = PreparedStatements()
    statements.isAllowed = true
    #expect(statements.way(of: "a") == .unnamed)
    #expect(statements.way(of: "b") == .unnamed)
    #expect(statements.way(of: "a") == .prepare("kv0"))
    #expect(statements.way(of: "a") == .unnamed, "it may fail yet")
    statements.ended("a", isPrepared: true)
    #expect(statements.way(of: "a") == .named("kv0"))
    #expect(statements.way(of: "b") == .prepare("kv1"))
  }

  @Test("What was not prepared after all is tried again")
  func failed() {
    var statements = PreparedStatements()
    statements.isAllowed = true
    _ = statements.way(of: "a")
    #expect(statements.way(of: "a") == .prepare("kv0"))
    statements.ended("a", isPrepared: false)
    #expect(statements.way(of: "a") == .prepare("kv0"))
  }

  @Test("Behind a pooler nothing is")
  func pooled() {
    var statements = PreparedStatements()
    for _ in 0..<3 { #expect(statements.way(of: "a") == .unnamed) }
  }

  @Test("Endless new texts do not fill the memory")
  func bounded() {
    var statements = PreparedStatements()
    statements.isAllowed = true
    for number in 0..<1_000 { _ = statements.way(of: "\(number)") }
    #expect(statements.way(of: "999") == .unnamed)
    #expect(statements.way(of: "0") == .prepare("kv0"))
  }
}
