import HTTP

/// Everything that can be wrong with a request, each with its anchor in `/docs` (RFC 9457 §3.1.1).
///
/// The raw value is the anchor: clients compare it, so a case may be added but never renamed.
enum ProblemType: String, CaseIterable, Sendable {
  case malformedRequest = "malformed-request"
  case invalidKey = "invalid-key"
  case invalidParameter = "invalid-parameter"
  case invalidHeader = "invalid-header"
  case invalidJSON = "invalid-json"
  case invalidDocument = "invalid-document"
  case unauthorized = "unauthorized"
  case forbidden = "forbidden"
  case crossSite = "cross-site"
  case foreignHost = "foreign-host"
  case unknownPath = "unknown-path"
  case keyNotFound = "key-not-found"
  case operationNotFound = "operation-not-found"
  case methodNotAllowed = "method-not-allowed"
  case requestTimeout = "request-timeout"
  case idempotencyInFlight = "idempotency-in-flight"
  case preconditionFailed = "precondition-failed"
  case contentTooLarge = "content-too-large"
  case unsupportedEncoding = "unsupported-encoding"
  case uriTooLong = "uri-too-long"
  case keyTooLong = "key-too-long"
  case expectationFailed = "expectation-failed"
  case idempotencyMismatch = "idempotency-mismatch"
  /// Nginx's alone: it counts what each client asks for.
  case tooManyRequests = "too-many-requests"
  case headerTooLarge = "header-too-large"
  case internalError = "internal-error"
  case notImplemented = "not-implemented"
  case unavailable = "unavailable"
  case overloaded = "overloaded"
  case outcomeUnknown = "outcome-unknown"
  case versionNotSupported = "version-not-supported"

  /// The status that goes with it, always the same.
  var status: Status {
    switch self {
    case .malformedRequest, .invalidKey, .invalidParameter, .invalidHeader, .invalidJSON,
      .invalidDocument:
      .badRequest
    case .unauthorized: .unauthorized
    case .forbidden, .crossSite, .foreignHost: .forbidden
    case .unknownPath, .keyNotFound, .operationNotFound: .notFound
    case .methodNotAllowed: .methodNotAllowed
    case .requestTimeout: .requestTimeout
    case .idempotencyInFlight: .conflict
    case .preconditionFailed: .preconditionFailed
    case .contentTooLarge: .contentTooLarge
    case .unsupportedEncoding: .unsupportedMediaType
    case .uriTooLong, .keyTooLong: .uriTooLong
    case .expectationFailed: .expectationFailed
    case .idempotencyMismatch: .unprocessableContent
    case .tooManyRequests: .tooManyRequests
    case .headerTooLarge: .headerFieldsTooLarge
    case .internalError: .internalServerError
    case .notImplemented: .notImplemented
    case .unavailable, .overloaded, .outcomeUnknown: .serviceUnavailable
    case .versionNotSupported: .versionNotSupported
    }
  }

  /// What it is called, the same for every occurrence (RFC 9457 §3.1.3).
  var title: StaticString {
    switch self {
    case .malformedRequest: "The request is not valid HTTP"
    case .invalidKey: "The key is not valid"
    case .invalidParameter: "A query parameter is not valid"
    case .invalidHeader: "A header field is not valid"
    case .invalidJSON: "The body is not valid JSON"
    case .invalidDocument: "The document does not fit this endpoint"
    case .unauthorized: "A token is needed"
    case .forbidden: "The token does not allow this"
    case .crossSite: "A page of another site may not do this"
    case .foreignHost: "The server is not known by this name"
    case .unknownPath: "There is nothing at this path"
    case .keyNotFound: "The key does not exist"
    case .operationNotFound: "The operation is not known"
    case .methodNotAllowed: "The method is not allowed here"
    case .requestTimeout: "The request took too long to arrive"
    case .idempotencyInFlight: "The first request with this idempotency key is in progress"
    case .preconditionFailed: "The condition does not hold"
    case .contentTooLarge: "The content is too large"
    case .unsupportedEncoding: "The content coding is not supported"
    case .uriTooLong: "The request line is too long"
    case .keyTooLong: "The key is too long"
    case .expectationFailed: "The expectation can't be met"
    case .idempotencyMismatch: "The idempotency key was used for another request"
    case .tooManyRequests: "There were too many requests"
    case .headerTooLarge: "The header section is too large"
    case .internalError: "The server made a mistake"
    case .notImplemented: "The server does not know how to do this"
    case .unavailable: "The store is not available at the moment"
    case .overloaded: "The server has too much to do at the moment"
    case .outcomeUnknown: "It is not known whether the write took effect"
    case .versionNotSupported: "The version of HTTP is not supported"
    }
  }
}
