import Testing

/// A small text, and what a rule is to say about it.
struct Sample: Sendable, CustomTestStringConvertible {
  let rule: Rule
  let path: String
  let text: String
  /// The line that the rule has to name.
  let line: Int

  var file: SourceFile { SourceFile(path: path, text: text) }
  var testDescription: String { "\(path): \(text.prefix(60))" }

  init(_ rule: Rule, _ path: String, _ text: String, line: Int = 1) {
    self.rule = rule
    self.path = path
    self.text = text
    self.line = line
  }

  private static let longFunction =
    "struct A {\n  func f(\n    a: Int\n  ) -> [Int] {\n"
    + String(repeating: "    g { 1 }\n", count: 60) + "  }\n}"

  static let breaking = [
    Sample(Layers.imports, "Sources/KeyValueStore/A.swift", "\nimport Foundation", line: 2),
    Sample(Layers.imports, "Sources/HTTP/A.swift", "public import KeyValueStore"),
    Sample(Layers.imports, "Sources/Embedded/A.swift", "import struct HTTP.Request"),
    Sample(Layers.imports, "Sources/Unknown/A.swift", "struct A {}"),
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
    Sample(Shape.lineWidth, "scripts/a", String(repeating: "x", count: 101)),
    Sample(Shape.lineWidth, "Sources/HTTP/A.swift", "// " + String(repeating: "é", count: 98)),
    Sample(Shape.functionLength, "Sources/HTTP/A.swift", longFunction, line: 2),
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
    Sample(Conduct.machinePaths, "scripts/a", "cd /Use" + "rs/me"),
  ]

  static let allowed = [
    Sample(Layers.imports, "Sources/KeyValueStore/A.swift", "import Synchronization"),
    Sample(Layers.imports, "Sources/HTTP/A.swift", "// import GRDB\nimport EventLoop"),
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
