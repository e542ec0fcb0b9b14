import Testing

/// The rules of this code base, checked.
@Suite("The house is tidy")
struct TidyTests {
  @Test("Every arrow of the package points down")
  func arrows() { expectTidy(Layers.arrows) }

  @Test("Every import follows an arrow of the package")
  func imports() { expectTidy(Layers.imports(Repository.current.package)) }

  @Test("What Basics has is not made a second time")
  func basics() { expectTidy(Layers.basics(Repository.current.files)) }

  @Test("Only programs read the environment")
  func environment() { expectTidy(Layers.environment) }

  @Test("Pointers and unchecked promises stay in the event loop and the adapters")
  func pointers() { expectTidy(Layers.pointers) }

  @Test("Libraries do not print")
  func prints() { expectTidy(Layers.prints) }

  @Test("No file is longer than 400 lines")
  func fileLength() { expectTidy(Shape.fileLength) }

  @Test("No source file is shorter than 20 lines without a reason")
  func shortFiles() { expectTidy(Shape.shortFiles) }

  @Test("No line is wider than 100 columns")
  func lineWidth() { expectTidy(Shape.lineWidth) }

  @Test("No function is longer than 60 lines")
  func functionLength() { expectTidy(Shape.functionLength) }

  @Test("A file is named after a type in it, or says what it is about")
  func fileName() { expectTidy(Shape.fileName) }

  @Test("No type has a name that says nothing")
  func typeNames() { expectTidy(Shape.typeNames) }

  @Test("No file has a name that says nothing")
  func fileNames() { expectTidy(Shape.fileNames) }

  @Test("Every unchecked promise has its proof above it")
  func proofs() { expectTidy(Conduct.proofs) }

  @Test("Nothing is left to be done later")
  func unfinished() { expectTidy(Conduct.unfinished) }

  @Test("Every task has a parent")
  func tasks() { expectTidy(Conduct.tasks) }

  @Test("No test sleeps")
  func sleeps() { expectTidy(Conduct.sleeps) }

  @Test("No one's mistake but a programmer's stops the process")
  func fatalErrors() { expectTidy(Conduct.fatalErrors) }

  @Test("Every test is named with a sentence")
  func testNames() { expectTidy(Conduct.testNames) }

  @Test("No file names a folder of a single machine")
  func machinePaths() { expectTidy(Conduct.machinePaths) }

  @Test("Every link in the documents leads to a file")
  func links() { expectTidy(Documents.links(root: Repository.current.root)) }

  @Test("The documents show the arrows of the package")
  func documentedArrows() { expectTidy(Documents.arrows(Repository.current.package)) }

  @Test("The files of the repository are checked, those of a build or a run are not")
  func repository() {
    let paths = Set(Repository.current.files.map(\.path))
    #expect(paths.isSuperset(of: ["Package.swift", "Makefile", "Tests/TidyTests/TidyTests.swift"]))
    #expect(!paths.contains { $0.hasPrefix(".build") || $0.hasPrefix("data/") })
    let package = Repository.current.package.targets
    #expect(package["HTTP"]?.map(\.name) == ["Basics", "EventLoop", "Logging"])
    #expect(package["EventLoop"]?.map(\.name) == ["Basics", "CLinux"])
  }

  private func expectTidy(_ rule: Rule, sourceLocation: SourceLocation = #_sourceLocation) {
    for breach in Repository.current.files.flatMap(rule.breaches) {
      Issue.record("\(breach)", sourceLocation: sourceLocation)
    }
  }
}
