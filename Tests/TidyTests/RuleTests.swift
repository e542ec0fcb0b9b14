import Foundation
import Testing

/// Each rule, tried on a small text that breaks it and on one that does not.
@Suite("A rule that cannot fail is no rule")
struct RuleTests {
  @Test("Every rule names the line that breaks it", arguments: Sample.breaking)
  func breaking(_ sample: Sample) {
    let lines = sample.rule.breaches(sample.file).map(\.line)
    #expect(lines == [sample.line])
  }

  @Test("No rule objects to what is allowed", arguments: Sample.allowed)
  func allowed(_ sample: Sample) {
    #expect(sample.rule.breaches(sample.file).map(\.description) == [])
  }

  @Test("Comments and strings are not code")
  func scanner() {
    let text = ##"""
      let a = "x \(f("y)")) z" // comment "
      /* outer /* inner */ still */ let b = #"raw \" \#(c) "# + """
        many "lines"
        """
      d
      """##
    let tokens = SwiftScanner.tokens(of: text)
    let string = SwiftToken.string
    #expect(
      tokens.map { $0.text } == [
        "let", "a", "=", string, "let", "b", "=", string, "+", string, "d",
      ])
    #expect(tokens.last?.line == 5)
  }

  @Test("A link to a file that is there is left alone, one that leads nowhere is named")
  func links() {
    let rule = Links.resolve(root: Repository.current.root)
    let good = "See [the package](Package.swift#L3) and [Swift](https://swift.org) and [top](#top)."
    #expect(rule.breaches(SourceFile(path: "A.md", text: good)).isEmpty)
    let bad = "first\n[gone](docs/gone.md)\n```\n[code](x.md)\n```"
    #expect(rule.breaches(SourceFile(path: "A.md", text: bad)).map(\.line) == [2])
  }
}
