/// The header fields that somebody here reads, recognized once by the parser.
public enum FieldName: UInt8, Sendable, CaseIterable {
  case authorization
  case cacheControl
  case connection
  case contentEncoding
  case contentLength
  case contentRange
  case contentType
  case expect
  case host
  case idempotencyKey
  case ifMatch
  case ifNoneMatch
  case ifUnmodifiedSince
  case origin
  case prefer
  case secFetchSite
  case traceparent
  case transferEncoding
  case xRequestID
  /// Any other field: kept, reachable by its spelling only.
  case other

  /// The name in lower case; empty for `other`.
  public var lowercased: StaticString {
    switch self {
    case .authorization: "authorization"
    case .cacheControl: "cache-control"
    case .connection: "connection"
    case .contentEncoding: "content-encoding"
    case .contentLength: "content-length"
    case .contentRange: "content-range"
    case .contentType: "content-type"
    case .expect: "expect"
    case .host: "host"
    case .idempotencyKey: "idempotency-key"
    case .ifMatch: "if-match"
    case .ifNoneMatch: "if-none-match"
    case .ifUnmodifiedSince: "if-unmodified-since"
    case .origin: "origin"
    case .prefer: "prefer"
    case .secFetchSite: "sec-fetch-site"
    case .traceparent: "traceparent"
    case .transferEncoding: "transfer-encoding"
    case .xRequestID: "x-request-id"
    case .other: ""
    }
  }
}
