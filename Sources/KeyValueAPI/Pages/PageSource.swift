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
      "preact.js": PackageResources.preact_js,
      "store.js": PackageResources.store_js,
      "session.js": PackageResources.session_js,
      "api.js": PackageResources.api_js,
      "connection.js": PackageResources.connection_js,
      "keys.js": PackageResources.keys_js,
      "entries.js": PackageResources.entries_js,
      "format.js": PackageResources.format_js,
      "parts.js": PackageResources.parts_js,
      "expiry.js": PackageResources.expiry_js,
      "operations.js": PackageResources.operations_js,
      "folders.js": PackageResources.folders_js,
      "tree.js": PackageResources.tree_js,
      "edit.js": PackageResources.edit_js,
      "remove.js": PackageResources.remove_js,
      "touch.js": PackageResources.touch_js,
      "json.js": PackageResources.json_js,
      "value.js": PackageResources.value_js,
      "watch.js": PackageResources.watch_js,
      "entry.js": PackageResources.entry_js,
      "folder.js": PackageResources.folder_js,
      "metrics.js": PackageResources.metrics_js,
      "charts.js": PackageResources.charts_js,
      "health.js": PackageResources.health_js,
      "live.js": PackageResources.live_js,
      "reference.js": PackageResources.reference_js,
      "token.js": PackageResources.token_js,
      "ndjson.js": PackageResources.ndjson_js,
      "transfer.js": PackageResources.transfer_js,
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
