import Foundation
import Testing

/// Each rule, tried on a small text that breaks it and on one that does not.
@Suite("Every rule can fail")
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
    let rule = Documents.links(root: Repository.current.root)
    let good = "See [the package](Package.swift#L3) and [Swift](https://swift.org) and [top](#top)."
    #expect(rule.breaches(SourceFile(path: "A.md", text: good)).isEmpty)
    let bad = "first\n[gone](docs/gone.md)\n```\n[code](x.md)\n```"
    #expect(rule.breaches(SourceFile(path: "A.md", text: bad)).map(\.line) == [2])
  }
}

/// A small text, and the line in it that breaks a rule.
struct Sample: Sendable, CustomTestStringConvertible {
  let rule: Rule
  let path: String
  let text: String
  /// The line that the rule must name, if the text breaks it.
  let line: Int

  var file: SourceFile { SourceFile(path: path, text: text) }
  var testDescription: String { "\(path): \(text.prefix(60))" }

  init(_ rule: Rule, _ path: String, _ text: String, line: Int = 1) {
    self.rule = rule
    self.path = path
    self.text = text
    self.line = line
  }

  /// A package of two rows, as far as rules read it.
  private static let package = SourceFile(
    path: "Package.swift",
    text: """
      let log = Target.Dependency.product(name: "Logging", package: "swift-log")
      let package = Package(
        products: [.executable(name: "kv-api", targets: ["KeyValueAPI"])],
        targets: [
          .target(name: "KeyValueStore", swiftSettings: settings),
          .systemLibrary(name: "CRedis", providers: [.apt(["libhiredis-dev"])]),
          .target(
            name: "EventLoop",
            dependencies: [
              "Basics", .target(name: "CLinux", condition: .when(platforms: [.linux])),
            ],
            linkerSettings: [.unsafeFlags(["-use-ld=lld"])]),
          .target(name: "HTTP", dependencies: ["EventLoop", log]),
        ]
      )
      """)
  private static let imports = Layers.imports(PackageTargets(package))
  private static let arrows = Documents.arrows(PackageTargets(package))
  private static let basics = Layers.basics([
    SourceFile(path: "Sources/Basics/A.swift", text: "package struct Backoff { struct Step {} }")
  ])

  private static let longFunction =
    "struct A {\n  func f(\n    a: Int\n  ) -> [Int] {\n"
    + String(repeating: "    g { 1 }\n", count: 60) + "  }\n}"

  static let breaking = [
    Sample(imports, "Sources/KeyValueStore/A.swift", "\nimport Foundation", line: 2),
    Sample(imports, "Sources/HTTP/A.swift", "public import KeyValueStore"),
    Sample(imports, "Sources/EventLoop/A.swift", "import struct HTTP.Request"),
    Sample(imports, "Sources/Unknown/A.swift", "struct A {}"),
    Sample(
      Layers.arrows, "Package.swift",
      #".target(name: "Basics"),\#n.target(name: "EventLoop", dependencies: ["HTTP"])"#, line: 2),
    Sample(
      arrows, "README.md",
      "| Module | What | Depends on |\n| --- | --- | --- |\n| `HTTP` | a | Basics |", line: 3),
    Sample(basics, "Sources/HTTP/A.swift", "\nstruct Backoff {}", line: 2),
    Sample(Layers.environment, "Sources/HTTP/A.swift", "let a = getenv(name)"),
    Sample(
      Layers.environment, "Sources/Embedded/A.swift", "ProcessInfo.processInfo.environment"),
    Sample(Layers.pointers, "Sources/HTTP/A.swift", "var a: UnsafeRawPointer"),
    Sample(Layers.pointers, "Sources/HTTP/A.swift", "a.withUnsafeBytes { $0.count }"),
    Sample(Layers.pointers, "Sources/KeyValueAPI/A.swift", "var a: OpaquePointer?"),
    Sample(Layers.pointers, "Sources/KeyValueStore/A.swift", "class A: @unchecked Sendable {}"),
    Sample(Layers.pointers, "Sources/KeyValueStore/A.swift", "nonisolated(unsafe) var a = 1"),
    Sample(Layers.prints, "Sources/HTTP/A.swift", "print(1)"),
    Sample(
      Shape.fileLength, "Sources/HTTP/A.swift", String(repeating: "\n", count: 401), line: 400),
    Sample(
      Shape.lineWidth, "scripts/a", "#!/bin/sh\n" + String(repeating: "x", count: 101), line: 2),
    Sample(Shape.lineWidth, "Sources/HTTP/A.swift", "// " + String(repeating: "é", count: 98)),
    Sample(Shape.functionLength, "Sources/HTTP/A.swift", longFunction, line: 2),
    Sample(Shape.shortFiles, "Sources/HTTP/A.swift", String(repeating: "\n", count: 19)),
    Sample(Shape.fileName, "Sources/HTTP/Parser.swift", "struct Serializer {}"),
    Sample(Shape.typeNames, "Sources/HTTP/A.swift", "final class ConnectionManager {}"),
    Sample(Shape.typeNames, "Tests/HTTPTests/A.swift", "enum ParserUtils {}"),
    Sample(Shape.fileNames, "Sources/HTTP/ParserHelper.swift", ""),
    Sample(
      Conduct.proofs, "Sources/EventLoop/A.swift", "\nclass A: @unchecked Sendable {}", line: 2),
    Sample(
      Conduct.proofs, "Sources/EventLoop/A.swift", "let a = 1\nnonisolated(unsafe) var b = 1",
      line: 2),
    Sample(Conduct.unfinished, "Sources/HTTP/A.swift", "// TO" + "DO: later"),
    Sample(Conduct.unfinished, "Benchmarks/a.py", "# FIX" + "ME"),
    Sample(Conduct.tasks, "Sources/HTTP/A.swift", "Task { await f() }"),
    Sample(Conduct.tasks, "Sources/HTTP/A.swift", "Task(priority: .high) { }"),
    Sample(
      Conduct.tasks, "Sources/KeyValueAPI/A.swift", "@main struct A { }\nTask.detached {}",
      line: 2),
    Sample(Conduct.sleeps, "Tests/HTTPTests/A.swift", "try await Task.sleep(for: .seconds(1))"),
    Sample(Conduct.sleeps, "Tests/HTTPTests/A.swift", "usleep(100)"),
    Sample(Conduct.fatalErrors, "Sources/HTTP/A.swift", "fatalError(\"no file\")"),
    Sample(Conduct.testNames, "Tests/HTTPTests/A.swift", "@Test func a() {}"),
    Sample(Conduct.testNames, "Tests/HTTPTests/A.swift", "@Test(arguments: [1]) func a() {}"),
    Sample(Conduct.machinePaths, "README.md", "see /ho" + "me/me/a"),
    Sample(Conduct.machinePaths, "scripts/a", "#!/bin/sh\ncd /Use" + "rs/me", line: 2),
  ]

  static let allowed = [
    Sample(imports, "Sources/KeyValueStore/A.swift", "import Synchronization"),
    Sample(
      imports, "Sources/HTTP/A.swift",
      "// import GRDB\nimport EventLoop\nimport Logging\nimport Foundation"),
    Sample(imports, "Sources/EventLoop/A.swift", "import CLinux"),
    Sample(Layers.arrows, "Package.swift", package.lines.joined(separator: "\n")),
    Sample(
      arrows, "README.md",
      "| Module | Depends on |\n| --- | --- |\n| `HTTP` | EventLoop |\n\n| HTTP | 1.1 |"),
    Sample(basics, "Sources/HTTP/A.swift", "struct Backoffs { struct Backoff {} }"),
    Sample(basics, "Sources/Basics/A.swift", "struct Backoff {}"),
    Sample(Layers.environment, "Sources/KeyValueAPI/A.swift", "getenv(name)"),
    Sample(Layers.pointers, "Sources/EventLoop/A.swift", "var a: UnsafeRawPointer"),
    Sample(Layers.prints, "Sources/HTTP/A.swift", "fingerprint(1); a = \"print(1)\""),
    Sample(Layers.prints, "Sources/KeyValueAPI/A.swift", "print(1)"),
    Sample(
      Shape.fileLength, "Sources/HTTP/A.swift", String(repeating: "\n", count: 400)),
    Sample(Shape.lineWidth, "README.md", String(repeating: "x", count: 101)),
    Sample(Shape.lineWidth, "Sources/HTTP/A.swift", String(repeating: "é", count: 100)),
    Sample(
      Shape.functionLength, "Sources/HTTP/A.swift",
      "protocol A {\n  func f()\n}\nstruct B {" + String(repeating: "\n", count: 70) + "}"),
    Sample(Shape.shortFiles, "Sources/HTTP/A.swift", String(repeating: "\n", count: 20)),
    Sample(Shape.shortFiles, "Tests/HTTPTests/A.swift", "struct A {}"),
    Sample(Shape.fileName, "Sources/HTTP/Parsing.swift", "// How it is read.\n\nstruct Parser {}"),
    Sample(Shape.fileName, "Sources/HTTP/Parser+Lines.swift", "extension Parser {}"),
    Sample(Shape.fileName, "Sources/HTTP/Bytes.swift", "extension Array { struct A {} }"),
    Sample(Shape.typeNames, "Sources/HTTP/A.swift", "let files = FileManager.default"),
    Sample(
      Conduct.proofs, "Sources/EventLoop/A.swift",
      "// Only the loop's thread touches it.\n@frozen\nclass A: @unchecked Sendable {}"),
    Sample(Conduct.unfinished, "Sources/HTTP/A.swift", "let todos = 1"),
    Sample(Conduct.tasks, "Sources/HTTP/A.swift", "withTaskGroup(of: Task<Void, Never>.self) {}"),
    Sample(Conduct.tasks, "Sources/KeyValueAPI/A.swift", "@main struct A { f() { Task {} } }"),
    Sample(Conduct.sleeps, "Sources/HTTP/A.swift", "Task.sleep(for: .seconds(1))"),
    Sample(Conduct.fatalErrors, "Sources/HTTP/A.swift", "preconditionFailure(\"unreachable\")"),
    Sample(Conduct.testNames, "Tests/HTTPTests/A.swift", "@Test(\"It works\") func a() {}"),
    Sample(Conduct.machinePaths, "README.md", "curl http://localhost/kv/home/work/x"),
  ]
}
