import Basics
import HTTP
import KeyValueStore

/// Why a request is refused: becomes a problem document (RFC 9457).
struct Problem: Error, Sendable {
  /// Which kind of problem; it decides the status.
  let type: ProblemType
  /// What to change, for the client.
  var detail: String
  /// Extension members of the document.
  var members: [(name: StaticString, value: Member)] = []
  /// Header fields that belong to the status.
  var fields: [(name: StaticString, value: String)] = []
  /// What the operator should know and the client should not.
  var cause: String?

  /// The value of an extension member.
  enum Member: Sendable {
    case text(String)
    case number(Int64)
  }

  init(_ type: ProblemType, _ detail: String) {
    self.type = type
    self.detail = detail
  }

  /// The same problem with an extension member more.
  func with(_ name: StaticString, _ value: Member) -> Problem {
    var problem = self
    problem.members.append((name, value))
    return problem
  }

  /// The same problem with a header field more.
  func with(field name: StaticString, _ value: String) -> Problem {
    var problem = self
    problem.fields.append((name, value))
    return problem
  }

  /// The answer: status, fields and document.
  var response: Response {
    var block = FieldBlock(reserving: 256)
    block.append("Content-Type", "application/problem+json")
    // RFC 9110 §15.1: caches may keep a 404, 405, 410, 414 or 501 unless told otherwise.
    block.append("Cache-Control", "no-store")
    block.append("X-Content-Type-Options", "nosniff")
    for field in fields { block.append(field.name, field.value) }
    var writer = JSONWriter()
    writer.beginObject()
    write(to: &writer)
    writer.endObject()
    return Response(type.status, fields: block, body: writer.bytes)
  }

  /// Writes the members of the document into the object that is open.
  func write(to writer: inout JSONWriter) {
    writer.name("type")
    writer.string("/docs#" + type.rawValue)
    writer.name("title")
    writer.string(type.title.description)
    writer.name("status")
    writer.number(Int64(type.status.code))
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
