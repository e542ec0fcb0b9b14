import HTTP

/// A page that is complete in itself: its style and its script are part of it, and it can ask no
/// other server for anything.
///
/// The browser is told the hashes of the style and the script, and runs nothing else. So a value
/// that finds its way into the page as markup does no harm.
struct WebPage: Sendable {
  /// What a browser gets.
  let html: [UInt8]
  /// The hash of the page, as in its `ETag`.
  private let tag: String
  /// The fields of both answers, 200 and 304.
  private let fields: FieldBlock
  private let styleSource: String
  private let scriptSource: String

  /// Where a template wants the style and the script.
  static let stylePlace = "@{style}"
  static let scriptPlace = "@{script}"

  /// Puts a page together.
  /// - Parameters:
  ///   - source: what it is made of.
  ///   - opened: pages that this one shows from a blob, which has this page's policy.
  init(_ source: PageSource, opening opened: [WebPage] = []) {
    let script = source.script
    let text = source.template.replacing(Self.stylePlace, with: source.style)
      .replacing(Self.scriptPlace, with: script)
    html = Array(text.utf8)
    tag = Self.base64(Digest.sha256(html))
    styleSource = Self.hashSource(of: source.style)
    scriptSource = Self.hashSource(of: script)
    let styles = ([styleSource] + opened.map(\.styleSource)).joined(separator: " ")
    let scripts = ([scriptSource] + opened.map(\.scriptSource)).joined(separator: " ")
    var fields = FieldBlock(reserving: 768)
    fields.append("ETag", "\"\(tag)\"")
    // A browser asks each time whether the page has changed, and mostly gets a 304.
    fields.append("Cache-Control", "no-cache")
    fields.append("X-Content-Type-Options", "nosniff")
    fields.append("Referrer-Policy", "no-referrer")
    // Trusted Types: text can't be made into markup, by mistake neither.
    fields.append(
      "Content-Security-Policy",
      "default-src 'none'; script-src \(scripts); style-src \(styles); connect-src 'self'; "
        + "img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; "
        + "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'")
    self.fields = fields
  }

  /// The page, or 304 if the client has it (RFC 9110 §13.1.2).
  func response(to head: RequestHead) throws(Problem) -> Response {
    if head.first(.ifNoneMatch) != nil {
      guard let list = EntityTagList.parse(values: head.all(.ifNoneMatch)) else {
        throw .header(
          "If-None-Match", "If-None-Match is * or a list of entity tags, each in double quotes.")
      }
      if has(list) { return Response(.notModified, fields: fields) }
    }
    var fields = fields
    fields.append("Content-Type", "text/html; charset=utf-8")
    return Response(.ok, fields: fields, body: html)
  }

  private func has(_ list: EntityTagList) -> Bool {
    switch list {
    case .any: true
    case .tags(let tags): tags.contains { $0.opaque == tag }
    }
  }

  /// What a policy calls a style or a script that is part of the page (CSP Level 3 §2.3.1).
  private static func hashSource(of text: String) -> String {
    "'sha256-\(base64(Digest.sha256(Array(text.utf8))))'"
  }

  private static func base64(_ bytes: [UInt8]) -> String {
    var text: [UInt8] = []
    Base64.append(bytes, to: &text)
    return String(decoding: text, as: UTF8.self)
  }
}
