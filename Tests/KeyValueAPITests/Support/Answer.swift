import HTTP
import Testing

@testable import KeyValueAPI

/// What a client sees of a response.
struct Answer: Sendable {
  let status: Int
  let fields: [(name: String, value: String)]
  let body: [UInt8]
  /// Whether the request was refused before its body was read.
  let isRefusedEarly: Bool

  init(_ response: Response, isRefusedEarly: Bool = false) {
    status = response.status.code
    fields = String(decoding: response.fields.bytes, as: UTF8.self).split(separator: "\r\n").map {
      let parts = $0.split(separator: ":", maxSplits: 1)
      return (String(parts[0]), String(parts[1].dropFirst()))
    }
    body = response.body
    self.isRefusedEarly = isRefusedEarly
  }

  /// The value of a field; nil if it is missing or there twice.
  subscript(_ name: String) -> String? {
    let values = fields.filter { $0.name == name }.map(\.value)
    return values.count == 1 ? values[0] : nil
  }

  /// The body as text.
  var text: String { String(decoding: body, as: UTF8.self) }

  /// The body as JSON; fails the test if it is none.
  var json: JSONValue {
    get throws { try #require(try? JSONDocument(parsing: body), "no JSON: \(text)").root }
  }

  /// The kind of problem, if the answer is a problem document that agrees with its own status.
  var problem: String? {
    guard self["Content-Type"] == "application/problem+json", let json = try? json,
      json["status"]?.integer == Int64(status), json["title"]?.string?.isEmpty == false,
      json["detail"]?.string?.isEmpty == false, let type = json["type"]?.string,
      type.hasPrefix("/docs#")
    else { return nil }
    return String(type.dropFirst("/docs#".count))
  }

  /// The revision in `ETag`.
  var revision: Int64? {
    guard let tag = self["ETag"], tag.hasPrefix("\""), tag.hasSuffix("\"") else { return nil }
    return Int64(tag.dropFirst().dropLast())
  }
}
