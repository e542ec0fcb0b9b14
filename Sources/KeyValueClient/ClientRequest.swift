internal import Basics

/// A request to the API.
package struct ClientRequest: Sendable {
  package var method: String
  /// The path and the query, percent-encoded.
  package var target: String
  /// Names and values; not `Host`, `Content-Length` and `Connection`, which the connection adds.
  package var fields: [(name: String, value: String)] = []
  /// Nil: the request has no body.
  package var body: [UInt8]?
  /// Whether it may be sent again when its outcome is not known.
  package var repetition: Repetition

  /// When a request may be sent a second time.
  package enum Repetition: Sendable {
    /// Always: it changes nothing, or has an Idempotency-Key.
    case safe
    /// Only if the first one is known to have changed nothing.
    case ifNothingWasDone
  }

  package init(_ method: String, _ target: String, repetition: Repetition = .safe) {
    self.method = method
    self.target = target
    self.repetition = repetition
  }

  package mutating func set(_ name: String, _ value: String) {
    fields.append((name, value))
  }

  /// The value of a key: `/kv/{key}`.
  package static func entry(_ method: String, _ key: String) -> ClientRequest {
    var target = Array("/kv/".utf8)
    target.append(percentEncoding: key.utf8, keeping: "/")
    return ClientRequest(method, String(decoding: target, as: UTF8.self))
  }

  /// Adds a parameter to the query.
  package mutating func query(_ name: String, _ value: String) {
    var bytes = Array((target.contains("?") ? "&" : "?").utf8)
    bytes += Array(name.utf8)
    bytes.append(UInt8(ascii: "="))
    bytes.append(percentEncoding: value.utf8, keeping: "/")
    target += String(decoding: bytes, as: UTF8.self)
  }

  /// Lets the server recognize this request when it comes again, so that a write counts once
  /// however often it is sent. `random` makes the key.
  package mutating func identify(using random: inout some RandomNumberGenerator) {
    var key = Array("kv-".utf8)
    key.append(hexadecimal: random.next(), digits: 16)
    key.append(hexadecimal: random.next(), digits: 16)
    set("Idempotency-Key", "\"\(String(decoding: key, as: UTF8.self))\"")
  }

  package mutating func identify() {
    var random = SystemRandomNumberGenerator()
    identify(using: &random)
  }
}

/// The head of a response.
package struct AnswerHead: Equatable, Sendable {
  package var status: Int
  /// Names in lower case, in the order of the response.
  package var fields: [Field] = []

  package struct Field: Equatable, Sendable {
    package let name: String
    package let value: String
  }

  /// The first field of that name, which is in lower case.
  package subscript(_ name: String) -> String? {
    fields.first { $0.name == name }?.value
  }
}

/// A response with all of its body.
package struct Answer: Sendable {
  package let head: AnswerHead
  package let body: [UInt8]

  package init(head: AnswerHead, body: [UInt8]) {
    self.head = head
    self.body = body
  }

  package var status: Int { head.status }

  /// The revision that `ETag` carries.
  package var revision: Int64? { head["etag"].flatMap { Int64($0.filter { $0 != "\"" }) } }
}
