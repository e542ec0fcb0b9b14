import HTTP

/// The reference page, made from openapi.json, so that there is one description of the API.
///
/// It is plain HTML without scripts, and loads nothing else.
struct DocsPage {
  private let description: JSONValue
  private var html = HTML()

  /// Makes the page from the description that this program carries.
  static func render() -> [UInt8] {
    // The resource is part of the program, and a test parses it.
    guard let description = try? JSONDocument(parsing: PackageResources.openapi_json) else {
      return []
    }
    var page = DocsPage(description: description.root)
    page.writePage()
    return page.html.bytes
  }

  private init(description: JSONValue) { self.description = description }

  private mutating func writePage() {
    let title = text(description["info"], "title")
    html.markup("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">")
    html.markup("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">")
    html.element("title", title)
    html.markup("<style>\(DocsPage.style)</style></head><body><main>")
    html.element("h1", title)
    writeParagraph(text(description["info"], "description"))
    html.markup(
      "<p class=\"soft\">For programs: <a href=\"/openapi.json\">openapi.json</a> (OpenAPI ")
    html.text(text(description, "openapi"))
    html.markup("). Problems: <a href=\"#problems\">all types</a>.</p>")
    let operations = operations
    writeContents(operations)
    for tag in description["tags"]?.elements ?? [] {
      let name = text(tag, "name")
      html.element("h2", name)
      writeParagraph(text(tag, "description"))
      for operation in operations where operation.tag == name { write(operation) }
    }
    writeAuthentication()
    writeProblems()
    html.markup("</main></body></html>\n")
  }

  // MARK: Operations

  private struct Operation {
    let path: String
    let method: String
    let value: JSONValue
    let tag: String
    let id: String
  }

  /// Without HEAD and OPTIONS, which are the same for every path.
  private var operations: [Operation] {
    (description["paths"]?.members ?? []).flatMap { path in
      path.value.members.filter { $0.name != "head" && $0.name != "options" }.map { method in
        Operation(
          path: path.name, method: method.name, value: method.value,
          tag: method.value["tags"]?.elements.first?.string ?? "",
          id: text(method.value, "operationId"))
      }
    }
  }

  private mutating func writeContents(_ operations: [Operation]) {
    html.markup("<nav>")
    for operation in operations {
      html.markup("<a href=\"#\(operation.id)\">")
      writeMethod(operation.method)
      html.element("code", operation.path)
      html.markup("</a>")
    }
    html.markup("</nav>")
  }

  private mutating func write(_ operation: Operation) {
    html.markup("<article id=\"\(operation.id)\"><h3>")
    writeMethod(operation.method)
    html.element("code", operation.path)
    html.markup("</h3>")
    html.element("p", text(operation.value, "summary"))
    writeParagraph(text(operation.value, "description"))
    writeParameters(operation.value["parameters"]?.elements ?? [])
    if let body = operation.value["requestBody"] {
      html.element("h4", "Body")
      writeParagraph(text(body, "description"))
      writeExample(body)
    }
    writeResponses(operation.value["responses"]?.members ?? [])
    html.markup("</article>")
  }

  private mutating func writeMethod(_ method: String) {
    html.element("span", method.uppercased(), " class=\"m \(method)\"")
  }

  private mutating func writeParameters(_ parameters: [JSONValue]) {
    if parameters.isEmpty { return }
    html.markup("<h4>Parameters</h4><table>")
    for parameter in parameters.map(resolved) {
      html.markup("<tr><td>")
      html.element("code", text(parameter, "name"))
      html.markup(" <span class=\"soft\">\(text(parameter, "in"))</span></td><td>")
      html.prose(text(parameter, "description"))
      html.markup("</td></tr>")
    }
    html.markup("</table>")
  }

  private mutating func writeResponses(_ responses: [(name: String, value: JSONValue)]) {
    html.markup("<h4>Answers</h4><table>")
    for (status, value) in responses.sorted(by: { $0.name < $1.name }) {
      let response = resolved(value)
      html.markup("<tr><td>")
      html.element("code", status)
      html.markup("</td><td>")
      html.prose(text(response, "description"))
      if status < "300" { writeExample(response) }
      html.markup("</td></tr>")
    }
    html.markup("</table>")
  }

  private mutating func writeExample(_ holder: JSONValue) {
    for (_, media) in holder["content"]?.members ?? [] {
      if let example = media["example"] { writeJSON(example) }
      for (_, example) in media["examples"]?.members ?? [] {
        if let value = example["value"] { writeJSON(value) }
      }
    }
  }

  /// The example as in openapi.json, without its indentation.
  private mutating func writeJSON(_ value: JSONValue) {
    let lines = String(decoding: value.text, as: UTF8.self).split(separator: "\n")
    let indent = lines.last?.prefix { $0 == " " }.count ?? 0
    let shown = lines.enumerated().map { $0 == 0 ? $1 : $1.dropFirst(indent) }
    html.element("pre", shown.joined(separator: "\n"))
  }

  // MARK: The rest

  private mutating func writeAuthentication() {
    html.element("h2", "Authentication")
    writeParagraph(text(description["components"]?["securitySchemes"]?["bearer"], "description"))
    html.element("pre", "Authorization: Bearer <token>")
  }

  private mutating func writeProblems() {
    html.markup("<h2 id=\"problems\">Problems</h2>")
    writeParagraph("`type` of a problem document is a link to its place in this list.")
    html.markup("<dl>")
    for type in ProblemType.allCases {
      html.markup("<dt id=\"\(type.anchor)\"><code>\(type.status.code)</code> ")
      html.text(type.title.description)
      html.markup(" <a class=\"soft\" href=\"#\(type.anchor)\">#\(type.anchor)</a></dt>")
      html.element("dd", type.advice.description)
    }
    html.markup("</dl>")
  }

  private mutating func writeParagraph(_ prose: String) {
    if prose.isEmpty { return }
    html.markup("<p>")
    html.prose(prose)
    html.markup("</p>")
  }

  /// Follows a `$ref` into `components`.
  private func resolved(_ value: JSONValue) -> JSONValue {
    guard let reference = value["$ref"]?.string else { return value }
    var target = description
    for name in reference.split(separator: "/").dropFirst() {
      guard let next = target[String(name)] else { return value }
      target = next
    }
    return target
  }

  private func text(_ value: JSONValue?, _ name: String) -> String { value?[name]?.string ?? "" }
}

/// Writes HTML; all that is not markup goes through `text`.
private struct HTML {
  private(set) var bytes: [UInt8] = []

  /// Appends markup as it is.
  mutating func markup(_ markup: String) { bytes.append(contentsOf: markup.utf8) }

  /// Appends text, escaped.
  mutating func text(_ text: String) { bytes.append(contentsOf: HTML.escaped(text).utf8) }

  /// Appends text in which backquotes enclose code, as in OpenAPI's descriptions.
  mutating func prose(_ prose: String) {
    for (index, part) in prose.split(separator: "`", omittingEmptySubsequences: false).enumerated()
    {
      if index % 2 == 0 { text(String(part)) } else { element("code", String(part)) }
    }
  }

  /// Appends an element that holds text only.
  mutating func element(_ name: String, _ text: String, _ attributes: String = "") {
    markup("<\(name)\(attributes)>\(HTML.escaped(text))</\(name)>")
  }

  private static func escaped(_ text: String) -> String {
    var escaped = ""
    for character in text {
      switch character {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      default: escaped.append(character)
      }
    }
    return escaped
  }
}

extension DocsPage {
  /// The page's only style sheet: light or dark like the reader's system, one column that fits a
  /// phone.
  fileprivate static let style = """
    :root{color-scheme:light dark;--ink:#1c2330;--soft:#5a6475;--line:#d9dee7;--paper:#fff;\
    --card:#f6f8fb;--get:#0b6e4f;--put:#8a5300;--post:#0b57a4;--delete:#b3261e}
    @media(prefers-color-scheme:dark){:root{--ink:#e6e9ef;--soft:#9aa5b8;--line:#313a49;\
    --paper:#12161d;--card:#1a2029;--get:#5cd6a5;--put:#f0b45c;--post:#7db8ff;--delete:#ff8f87}}
    *{box-sizing:border-box}html{scroll-behavior:smooth}
    body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,sans-serif}
    main{max-width:62rem;margin:0 auto;padding:2.5rem 1.25rem 5rem}
    h1{font-size:2rem;margin:0 0 .5rem}h2{margin:3rem 0 .25rem;padding-top:1rem;\
    border-top:1px solid var(--line)}
    h3{margin:0;font-size:1.05rem;overflow-wrap:anywhere}h4{margin:1rem 0 .25rem;font-size:.9rem;\
    color:var(--soft)}
    p{margin:.4rem 0}a{color:inherit}nav{columns:3 14rem;margin:1.5rem 0;font-size:.92rem}
    nav a{display:block;text-decoration:none;padding:.1rem 0;overflow-wrap:anywhere}
    nav a:hover{text-decoration:underline}
    article{background:var(--card);border:1px solid var(--line);border-radius:10px;\
    padding:1rem 1.15rem;margin:1rem 0}
    code,pre{font:.86em/1.5 ui-monospace,monospace}
    pre{background:var(--paper);border:1px solid var(--line);border-radius:8px;padding:.7rem .9rem;\
    overflow-x:auto;margin:.4rem 0}
    .m{font:700 .8rem ui-monospace,monospace;margin-right:.5rem}
    .get{color:var(--get)}.put,.patch{color:var(--put)}.post{color:var(--post)}
    .delete{color:var(--delete)}
    table{border-collapse:collapse;width:100%;font-size:.92rem}
    td,th{text-align:left;vertical-align:top;padding:.3rem .8rem .3rem 0;\
    border-bottom:1px solid var(--line);overflow-wrap:anywhere}
    tr:last-child>td{border-bottom:0}td:first-child{white-space:nowrap}
    dt{margin-top:1rem;font-weight:600}dd{margin:.1rem 0 0;color:var(--soft)}
    dt:target,article:target{outline:2px solid var(--post);outline-offset:6px;border-radius:4px}
    .soft{color:var(--soft)}
    @media(max-width:40rem){td:first-child{white-space:normal}\
    pre{white-space:pre-wrap;overflow-wrap:anywhere}}
    """
}
