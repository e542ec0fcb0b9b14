import HTTP
import Testing

@testable import KeyValueAPI

@Suite("A page is complete in itself")
struct PageTests {
  private let server = Server(Backing())

  static let sources: [(name: String, source: PageSource)] = [
    ("console", .console), ("docs", .docs),
  ]

  // MARK: The answer

  @Test("A page is HTML that browsers ask for again each time", arguments: ["/", "/docs"])
  func answer(_ path: String) async throws {
    let page = try await server.send("GET \(path)")
    #expect(page.status == 200)
    #expect(page["Content-Type"] == "text/html; charset=utf-8")
    #expect(page["Cache-Control"] == "no-cache")
    #expect(page["X-Content-Type-Options"] == "nosniff")
    #expect(page["Referrer-Policy"] == "no-referrer")
    #expect(page.text.hasPrefix("<!doctype html>"))
  }

  @Test("A client that has the page gets a 304 without it", arguments: ["/", "/docs"])
  func notModified(_ path: String) async throws {
    let page = try await server.send("GET \(path)")
    let tag = try #require(page["ETag"])
    for condition in [tag, "W/\(tag)", "\"other\", \(tag)", "*"] {
      let answer = try await server.send("GET \(path)", [("If-None-Match", condition)])
      #expect(answer.status == 304, "\(condition)")
      #expect(answer.body.isEmpty)
      for name in ["ETag", "Cache-Control", "Content-Security-Policy"] {
        #expect(answer[name] == page[name])
      }
    }
    #expect(
      try await server.send("GET \(path)", [("If-None-Match", "\"other\"")]).body == page.body)
  }

  @Test("A malformed condition is a 400 that names it", arguments: ["/", "/docs"])
  func malformedCondition(_ path: String) async throws {
    let answer = try await server.send("GET \(path)", [("If-None-Match", "abc")])
    #expect(answer.status == 400)
    #expect(try answer.json["header"]?.string == "If-None-Match")
  }

  @Test("Pages differ, and so do their tags")
  func tags() async throws {
    let tags = [try await server.send("GET /")["ETag"], try await server.send("GET /docs")["ETag"]]
    #expect(tags[0] != tags[1])
  }

  // MARK: The policy

  @Test("The policy allows the page's style and script by their hashes, and no other")
  func policy() async throws {
    let console = try await server.send("GET /")
    let docs = try await server.send("GET /docs")
    let styles = [try hash(of: "style", in: console), try hash(of: "style", in: docs)]
    let scripts = [try hash(of: "script", in: console), try hash(of: "script", in: docs)]
    func policy(_ scripts: [String], _ styles: [String]) -> String {
      """
      default-src 'none'; script-src \(scripts.joined(separator: " ")); \
      style-src \(styles.joined(separator: " ")); connect-src 'self'; \
      img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
      require-trusted-types-for 'script'; trusted-types 'none'
      """
    }
    // The console opens the documents from a blob, which has the console's policy.
    #expect(console["Content-Security-Policy"] == policy(scripts, styles))
    #expect(docs["Content-Security-Policy"] == policy([scripts[1]], [styles[1]]))
  }

  /// The hash of the one element called `name`, as a policy has it.
  private func hash(of name: String, in page: Answer) throws -> String {
    let parts = page.text.split(separator: "<\(name)", omittingEmptySubsequences: false)
    try #require(parts.count == 2, "one <\(name)>")
    let text = try #require(parts[1].split(separator: "</\(name)>").first)
    let content = text[text.index(after: try #require(text.firstIndex(of: ">")))...]
    var base64: [UInt8] = []
    Base64.append(Digest.sha256(Array(content.utf8)), to: &base64)
    return "'sha256-\(String(decoding: base64, as: UTF8.self))'"
  }

  @Test("A template has a place for its style and its script, and no code of its own")
  func templates() {
    for (name, source) in Self.sources {
      for place in [WebPage.stylePlace, WebPage.scriptPlace] {
        #expect(source.template.ranges(of: place).count == 1, "\(name): \(place)")
      }
      for (attribute, value) in attributes(in: source.template) {
        #expect(attribute != "style", "\(name): a style that has no hash")
        #expect(!attribute.hasPrefix("on"), "\(name): \(attribute) is a script that has no hash")
        if ["src", "href", "action", "srcset"].contains(attribute) {
          let isOwn = ["/", "#", "data:"].contains { value.hasPrefix($0) }
          #expect(isOwn && !value.hasPrefix("//"), "\(name): \(attribute)=\(value)")
        }
      }
    }
  }

  /// The attributes of all tags, where their values are quoted.
  private func attributes(in html: String) -> [(Substring, Substring)] {
    html.matches(of: /<[a-zA-Z][^>]*>/).flatMap { tag in
      tag.output.matches(of: /\s([-a-zA-Z]+)="([^"]*)"/).map { ($0.output.1, $0.output.2) }
    }
  }

  @Test("Nothing in a page ends its style or script early, or names another server")
  func contents() {
    for (name, source) in Self.sources {
      let script = source.script.lowercased()
      for text in ["</script", "<script", "<!--"] { #expect(!script.contains(text), "\(name)") }
      for text in ["</", "url(", "@import"] { #expect(!source.style.contains(text), "\(name)") }
      let all = source.template + source.style + source.script
      #expect(!all.contains("\r"), "\(name): browsers hash line feeds only")
      // Comments may name an author's page, and vocabularies have such names too.
      let addresses = all.replacing(/https?:\/\/www\.w3\.org\//, with: "")
        .matches(of: /["'`](?:https?|wss?):\/\/[^"'`]*/).map { String($0.output) }
      #expect(addresses == [], "\(name)")
      #expect(!all.contains("javascript:"), "\(name)")
    }
  }

  // MARK: Modules

  @Test("All names of a page's modules differ: they become one script")
  func names() {
    for (page, source) in Self.sources {
      var owners: [Substring: String] = [:]
      for (module, text) in source.modules {
        for name in declarations(in: text) {
          let other = owners.updateValue(module, forKey: name)
          #expect(other == nil, "\(page): \(name) is in \(module) and \(other ?? "")")
        }
      }
    }
  }

  @Test("A module imports names that modules before it export")
  func imports() {
    for (page, source) in Self.sources {
      var exports: [String: Set<Substring>] = [:]
      for (module, text) in source.modules {
        for statement in text.matches(of: /(?m)^import\s[^;]*;/) {
          let form = /import\s*\{([^}]*)\}\s*from\s*"\.\/([^"]+)";/
          guard let match = statement.output.wholeMatch(of: form) else {
            Issue.record("\(page), \(module): write import { name } from \"./file.js\";")
            continue
          }
          let known = exports[String(match.output.2)] ?? []
          for name in words(of: match.output.1) where !known.contains(name) {
            Issue.record("\(page), \(module): no \(name) in \(match.output.2) before it")
          }
        }
        exports[module] = Set(declarations(in: text, afterWord: "export "))
        for line in text.split(separator: "\n") where line.hasPrefix("export ") {
          let isDeclaration = !declarations(in: line + "\n a } =").isEmpty
          #expect(isDeclaration, "\(page), \(module): export a declaration, not \(line)")
        }
      }
    }
  }

  /// The names that a module declares outside of functions and classes, with a word before them.
  private func declarations(
    in module: some StringProtocol, afterWord word: String = ""
  ) -> [Substring] {
    let form = /(?m)^(export |)(?:async )?(?:function\*?|class|const|let|var)\s+([\w$]+|\{[^}]*\})/
    return String(module).matches(of: form).filter { word.isEmpty || $0.output.1 == word }
      .flatMap { words(of: $0.output.2) }
  }

  /// The names of a list that may have braces.
  private func words(of list: Substring) -> [Substring] {
    list.split { !($0.isLetter || $0.isNumber || $0 == "$" || $0 == "_") }
  }

  @Test("A module loses its imports, also those over several lines, and the word export")
  func assembly() {
    let first = "export function a() {\n  return 1;\n}\n"
    let second = """
      import {
        a,
      } from "./first.js";
      import { a } from "./first.js";

      export const b = "import nothing;" + a();
      // export b

      """
    let source = PageSource(
      template: [], style: [],
      modules: ["first.js": Array(first.utf8), "second.js": Array(second.utf8)])
    #expect(
      source.script == """
        function a() {
          return 1;
        }


        const b = "import nothing;" + a();
        // export b

        """)
  }
}
