import Basics
import HTTP
import KeyValueStore
import Service

/// Why a request is refused: becomes a problem document (RFC 9457).
struct Problem: Error, Sendable {
  let type: ProblemType
  /// What to change, for the client.
  var detail: String
  /// Extension members of the document.
  var members: [(name: StaticString, value: Member)] = []
  /// Header fields that belong to the status.
  var fields: [(name: StaticString, value: String)] = []
  /// What the operator should know and the client should not.
  var cause: String?

  typealias Member = ProblemDocument.Member

  init(_ type: ProblemType, _ detail: String) {
    self.type = type
    self.detail = detail
  }

  /// The same problem with another extension member.
  private func with(_ name: StaticString, _ value: Member) -> Problem {
    var problem = self
    problem.members.append((name, value))
    return problem
  }

  /// The same problem of the operation at a place in a batch.
  func with(index: Int) -> Problem { with("index", .number(Int64(index))) }

  /// The same problem with another header field.
  func with(field name: StaticString, _ value: String) -> Problem {
    var problem = self
    problem.fields.append((name, value))
    return problem
  }

  /// The answer: status, fields and document.
  var response: Response { document.response(with: fields) }

  /// Writes the members of the document into the object that is open.
  func write(to writer: inout JSONWriter) { document.write(to: &writer) }

  private var document: ProblemDocument {
    ProblemDocument(
      type: "/docs#\(type.anchor)", title: type.title, status: type.status, detail: detail,
      members: members)
  }
}

// MARK: - From errors to problems

// The one table from what can go wrong to what the client is told. Errors and outcomes of the
// layers below become problems here and nowhere else.

extension Problem {
  /// The store could not answer.
  init(_ error: StoreError) {
    switch error {
    case .unavailable(_, let retryAfter):
      self.init(
        .unavailable, "Nothing was done. Send the request again in \(retryAfter) s.")
      fields = [("Retry-After", String(retryAfter))]
    case .tooSlow:
      self.init(
        .unavailable,
        "It took too long and was broken off; nothing was done. Ask for less, or try again.")
      fields = [("Retry-After", "1")]
    case .overloaded(let retryAfter):
      self.init(
        .overloaded,
        "Nothing was started. Send the request again in \(retryAfter) s, and fewer "
          + "at the same time.")
      fields = [("Retry-After", String(retryAfter))]
    case .outcomeUnknown:
      self.init(
        .outcomeUnknown,
        "Read the key to see whether the write took effect. With an Idempotency-Key the request "
          + "can be sent again without that.")
      fields = [("Retry-After", "1")]
    case .idempotencyInFlight:
      self.init(
        .idempotencyInFlight, "Send the request again in a second to get the first one's result.")
      fields = [("Retry-After", "1")]
    case .rejected:
      self.init(.internalError, "The database has refused this request. Please report it.")
    }
    cause = error.cause
  }

  /// HTTP itself refuses the request.
  init(_ problem: HTTPProblem) {
    let type: ProblemType =
      switch problem.status {
      case .requestTimeout: .requestTimeout
      case .contentTooLarge: .contentTooLarge
      case .uriTooLong: .uriTooLong
      case .expectationFailed: .expectationFailed
      case .headerFieldsTooLarge: .headerTooLarge
      case .internalServerError: .internalError
      case .notImplemented: .notImplemented
      case .serviceUnavailable: .overloaded
      case .versionNotSupported: .versionNotSupported
      default: .malformedRequest
      }
    self.init(type, problem.detail)
    if type == .overloaded { fields = [("Retry-After", "1")] }
  }

  /// The bytes are not a key.
  init(_ invalid: Key.Invalid) {
    switch invalid {
    case .empty:
      self.init(.invalidKey, "A key has at least one byte: give one.")
    case .tooLong:
      self.init(.keyTooLong, "A key has at most \(Key.bytesMax) bytes of UTF-8: shorten it.")
    case .notUTF8:
      self.init(.invalidKey, "A key is UTF-8, percent-encoded byte by byte in a URL.")
    case .controlCharacter:
      self.init(
        .invalidKey, "A key holds no control character (U+0000 to U+001F, U+007F): leave it out.")
    }
  }

  /// The query is not well-formed.
  init(_ problem: QueryParameters.Problem) {
    switch problem {
    case .badEscape(let parameter):
      self.init(.invalidParameter, "Every % needs two hexadecimal digits behind it; write %25.")
      members = [("parameter", .text(parameter))]
    case .notAPair(let parameter):
      self.init(.invalidParameter, "A query is name=value pairs, with & between them.")
      members = [("parameter", .text(parameter))]
    }
  }

  /// The body is not JSON.
  init(_ error: JSONError) {
    self.init(.invalidJSON, error.sentence)
    members = [("offset", .number(Int64(error.offset)))]
  }

  /// Nothing can be added to the value.
  init(_ refusal: AddRefusal) {
    switch refusal {
    case .notAnInteger:
      self.init(
        .notAnInteger,
        "Add to an integer in decimal without leading zeros, or to a key that does not exist.")
    case .overflow:
      self.init(
        .integerOverflow, "The sum would not be between \(Int64.min) and \(Int64.max): add less.")
    }
  }

  static func preconditionFailed(current: Revision?) -> Problem {
    guard let current else {
      return Problem(.preconditionFailed, "The key does not exist: read it again and decide anew.")
    }
    return Problem(
      .preconditionFailed,
      "The key is at another revision: read it again, and send the ETag that you get."
    )
    .with("revision", .number(current.number))
    .with(field: "ETag", "\"\(current.number)\"")
  }

  static let positionGone = Problem(
    .positionGone,
    "Changes after this position are lost, or there has never been such a position: read the keys "
      + "again, and watch from now on.")

  static let keyNotFound = Problem(.keyNotFound, "Key not found")

  /// A token's requests come too fast.
  static func rateExceeded(_ rate: RequestRate) -> Problem {
    Problem(
      .tooManyRequests,
      "Nothing was done. This token may send \(rate.perSecond) requests a second: send this again "
        + "in a second, and fewer at the same time."
    )
    .with("limit", .text("\(rate.perSecond) requests/s"))
    // The bucket has a place again within a second, whatever the rate.
    .with(field: "Retry-After", "1")
  }

  static let idempotencyMismatch = Problem(
    .idempotencyMismatch,
    "Another method, path, query, condition or body was sent with this key in the last 24 hours, "
      + "or by somebody who may do something else: use a new key for a new request.")

  /// A parameter that the endpoint does not have, or that is wrong.
  static func parameter(_ name: String, _ detail: String) -> Problem {
    Problem(.invalidParameter, detail).with("parameter", .text(name))
  }

  /// A header field that is wrong.
  static func header(_ name: StaticString, _ detail: String) -> Problem {
    Problem(.invalidHeader, detail).with("header", .text(name.description))
  }

  /// A document that is JSON, but not what the endpoint expects.
  static func document(_ detail: String) -> Problem { Problem(.invalidDocument, detail) }

  static func contentTooLarge(bytesMax: Int) -> Problem {
    Problem(.contentTooLarge, "At most \(bytesMax) bytes are accepted here.")
      .with("bytes_max", .number(Int64(bytesMax)))
  }
}
