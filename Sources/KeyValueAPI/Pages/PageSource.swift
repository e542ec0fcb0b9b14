/// What a page is made of: files that are embedded in the program.
struct PageSource: Sendable {
  /// HTML with `<style>@{style}</style>` and `<script type="module">@{script}</script>`.
  let template: String
  let style: String
  /// ES modules by file name, each behind those that it imports. All are made into one script, so
  /// their names at top level must differ, also those that are not exported.
  let modules: [(name: String, text: String)]

  init(template: [UInt8], style: [UInt8], modules: KeyValuePairs<String, [UInt8]>) {
    self.template = String(decoding: template, as: UTF8.self)
    self.style = String(decoding: style, as: UTF8.self)
    self.modules = modules.map { ($0.key, String(decoding: $0.value, as: UTF8.self)) }
  }

  /// All modules as one, without their imports and exports.
  var script: String { modules.map { Self.body(of: $0.text) }.joined(separator: "\n") }

  /// A module without `import` statements, which may take several lines, and the word `export`.
  private static func body(of module: String) -> String {
    var lines: [Substring] = []
    var isImport = false
    for line in module.split(separator: "\n", omittingEmptySubsequences: false) {
      isImport = isImport || line.hasPrefix("import ")
      if !isImport {
        lines.append(line.hasPrefix("export ") ? line.dropFirst("export ".count) : line)
      }
      // The end of an import is the name of its file.
      if isImport, line.hasSuffix(";") { isImport = false }
    }
    return lines.joined(separator: "\n")
  }
}

// MARK: - The pages

extension PageSource {
  /// The web console. A new module needs a row here, behind those that it imports.
  static let console = PageSource(
    template: PackageResources.console_html, style: PackageResources.console_css,
    modules: [
      "reference.js": PackageResources.reference_js,
      "console.js": PackageResources.console_js,
    ])

  /// The reference page, whose template is made from openapi.json.
  static let docs = PageSource(
    template: DocsPage.render(), style: PackageResources.docs_css,
    modules: [
      "docs-request.js": PackageResources.docs_request_js,
      "docs.js": PackageResources.docs_js,
    ])
}

extension WebPage {
  static let docs = WebPage(.docs)
  static let console = WebPage(.console, opening: [docs])
}
