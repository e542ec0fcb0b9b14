import HTTP

/// The reference page, made from openapi.json, so that there is one description of the API.
struct DocsPage {
  private let description: JSONValue
  private var html = HTML()

  /// Makes the page's template from the description that this program carries.
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
    html.markup("<style>\(WebPage.stylePlace)</style></head><body><main>")
    html.element("h1", title)
    writeParagraph(text(description["info"], "description"))
    html.markup(
      "<p class=\"soft\">For programs: <a href=\"/openapi.json\">openapi.json</a> (OpenAPI ")
    html.text(text(description, "openapi"))
    html.markup("). Problems: <a href=\"#problems\">all types</a>.</p>")
    let operations = operations
    writeContents(operations)
    html.markup("<p class=\"soft\">The forms on this page send their requests to this server.</p>")
    html.markup("<p><label>Token for the forms <input id=\"token\" type=\"password\"")
    html.markup(" autocomplete=\"off\"></label></p>")
    for tag in description["tags"]?.elements ?? [] {
      let name = text(tag, "name")
      html.element("h2", name)
      writeParagraph(text(tag, "description"))
      for operation in operations where operation.tag == name { write(operation) }
    }
    writeAuthentication()
    writeProblems()
    html.markup("</main><script type=\"module\">\(WebPage.scriptPlace)</script></body></html>\n")
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
    writeForm(operation)
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

  private mutating func writeJSON(_ value: JSONValue) { html.element("pre", shown(value)) }

  /// The example as in openapi.json, without its indentation.
  private func shown(_ value: JSONValue) -> String {
    let lines = String(decoding: value.text, as: UTF8.self).split(separator: "\n")
    let indent = lines.last?.prefix { $0 == " " }.count ?? 0
    let shown = lines.enumerated().map { $0 == 0 ? $1 : $1.dropFirst(indent) }
    return shown.joined(separator: "\n")
  }

  // MARK: Forms

  /// A form that sends the operation. docs.js fills its command and its answer.
  private mutating func writeForm(_ operation: Operation) {
    html.markup("<details><summary>Try it</summary><form")
    html.attribute("data-method", operation.method.uppercased())
    html.attribute("data-path", operation.path)
    html.markup(">")
    for parameter in (operation.value["parameters"]?.elements ?? []).map(resolved) {
      writeInput(parameter)
    }
    if let body = operation.value["requestBody"] { writeBodyInput(body) }
    html.markup(
      """
      <pre class="command"></pre>\
      <p class="bar"><button>Send</button><button type="button" hidden>Stop</button></p>\
      <div class="answer" hidden><p class="answer-status" role="status"></p>\
      <pre class="answer-fields"></pre><pre class="answer-body" tabindex="0"></pre></div>\
      </form></details>
      """)
  }

  private mutating func writeInput(_ parameter: JSONValue) {
    let example =
      (parameter["example"] ?? parameter["examples"]?.members.first?.value["value"])
      .map(plain) ?? ""
    let isFlag = parameter["schema"]?["type"]?.string == "boolean"
    html.markup("<label>")
    html.text(text(parameter, "name"))
    html.markup(" <span class=\"soft\">\(text(parameter, "in"))</span>")
    html.markup(isFlag ? "<select" : "<input autocomplete=\"off\" spellcheck=\"false\"")
    html.attribute("name", text(parameter, "name"))
    html.attribute("data-in", text(parameter, "in"))
    if isFlag {
      html.markup("><option></option><option>true</option><option>false</option></select></label>")
    } else {
      // What has to be given is given; other fields only show what could be.
      html.attribute(text(parameter, "in") == "path" ? "value" : "placeholder", example)
      html.markup("></label>")
    }
  }

  /// The type and the text of a body: an example, if there is one.
  private mutating func writeBodyInput(_ body: JSONValue) {
    let media = body["content"]?.members ?? []
    guard let chosen = media.first(where: { $0.value["example"] != nil }) ?? media.first else {
      return
    }
    html.markup("<label>Content-Type <span class=\"soft\">header</span>")
    html.markup("<input data-type autocomplete=\"off\" spellcheck=\"false\"")
    html.attribute("value", chosen.name)
    html.markup("></label><label>Body<textarea data-body rows=\"5\" spellcheck=\"false\">")
    // HTML drops a line feed that a text area begins with.
    html.text("\n" + (chosen.value["example"].map(plain) ?? ""))
    html.markup("</textarea></label>")
  }

  /// A string without its quotes, anything else as JSON.
  private func plain(_ value: JSONValue) -> String { value.string ?? shown(value) }

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

  /// Appends an attribute to the tag that is open.
  mutating func attribute(_ name: String, _ value: String) {
    markup(" \(name)=\"\(HTML.escaped(value))\"")
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
