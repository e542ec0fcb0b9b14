package import Basics
package import HTTP

/// A problem document (RFC 9457 §3), the body of every refusal.
package struct ProblemDocument: Sendable {
  /// The value of an extension member (§3.2).
  package enum Member: Sendable {
    case text(String)
    case number(Int64)
  }

  private let type: String
  private let title: StaticString
  private let status: Status
  private let detail: String
  private let members: [(name: StaticString, value: Member)]

  package init(
    type: String, title: StaticString, status: Status, detail: String,
    members: [(name: StaticString, value: Member)] = []
  ) {
    self.type = type
    self.title = title
    self.status = status
    self.detail = detail
    self.members = members
  }

  /// The answer that the document is the body of, with `fields` that belong to its status.
  package func response(with fields: [(name: StaticString, value: String)] = []) -> Response {
    var block = FieldBlock(reserving: 256)
    block.append("Content-Type", "application/problem+json")
    // RFC 9110 §15.1: without this, caches may keep a 404, 405, 414 or 501.
    block.append("Cache-Control", "no-store")
    block.append("X-Content-Type-Options", "nosniff")
    for field in fields { block.append(field.name, field.value) }
    var writer = JSONWriter()
    writer.beginObject()
    write(to: &writer)
    writer.endObject()
    return Response(status, fields: block, body: writer.bytes)
  }

  /// Writes the members of the document into the object that is open.
  package func write(to writer: inout JSONWriter) {
    writer.name("type")
    writer.string(type)
    writer.name("title")
    writer.string("\(title)")
    writer.name("status")
    writer.number(Int64(status.code))
    writer.name("detail")
    writer.string(detail)
    for member in members {
      writer.name(member.name)
      switch member.value {
      case .text(let text): writer.string(text)
      case .number(let number): writer.number(number)
      }
    }
  }
}

/// Refusals of operator endpoints.
package enum ProblemResponse {
  /// A problem that is described by its status.
  package static func make(_ status: Status, _ detail: String) -> Response {
    ProblemDocument(type: "about:blank", title: status.reason, status: status, detail: detail)
      .response()
  }
}
