/// The targets of Package.swift, and what each may import.
struct PackageTargets: Sendable {
  struct Dependency: Sendable {
    /// A target, or the product of another package. Here products have the names of their modules.
    let name: String
    /// Where Package.swift names it, counted from one.
    let line: Int
  }

  /// The dependencies of each target.
  private(set) var targets: [String: [Dependency]] = [:]

  /// Parses the file; nil means that there are no targets.
  ///
  /// It knows `let name = Target.Dependency.product(name: "Product", …)` and targets whose
  /// `dependencies` are such names, strings and `.target(name: "Target", …)`.
  init(_ file: SourceFile?) {
    guard let tokens = file?.tokens[...] else { return }
    var products: [Substring: String] = [:]
    var index = tokens.startIndex
    while index < tokens.endIndex {
      let rest = tokens[index...]
      if rest.starts(with: "let"), rest.dropFirst(2).starts(with: "=", "Target", ".", "Dependency")
      {
        products[rest[index + 1].text] = rest.firstLiteral
      } else if rest.starts(with: "."), Self.kinds.contains(rest.dropFirst().first?.text ?? "") {
        let end = rest.closing(from: index + 2)
        let declaration = tokens[index...end]
        if let name = declaration.firstLiteral {
          targets[name] = Self.dependencies(in: declaration, products)
        }
        index = end
      }
      index += 1
    }
  }

  private static let kinds: Set<Substring> = [
    "target", "executableTarget", "systemLibrary", "testTarget",
  ]

  private static func dependencies(
    in declaration: ArraySlice<SwiftToken>, _ products: [Substring: String]
  ) -> [Dependency] {
    let isStart = { declaration[$0...].starts(with: "dependencies", ":", "[") }
    guard let start = declaration.indices.first(where: isStart) else { return [] }
    return declaration[start...declaration.closing(from: start + 2)].compactMap { token in
      (token.literal.map { String($0) } ?? products[token.text])
        .map { Dependency(name: $0, line: token.line) }
    }
  }
}

extension ArraySlice<SwiftToken> {
  fileprivate var firstLiteral: String? {
    lazy.compactMap(\.literal).first.map { String($0) }
  }

  /// Where the bracket closes that opens at `start`.
  fileprivate func closing(from start: Int) -> Int {
    var depth = 0
    for index in start..<endIndex {
      if ["(", "[", "{"].contains(self[index].text) { depth += 1 }
      if [")", "]", "}"].contains(self[index].text) { depth -= 1 }
      if depth == 0 { return index }
    }
    return endIndex - 1
  }
}
