/// The header fields that this server or its handlers read. The parser recognizes each name once.
public enum FieldName: UInt8, Sendable, CaseIterable {
  case accessControlRequestMethod
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
  case lastEventID
  case origin
  case prefer
  case secFetchSite
  case traceparent
  case transferEncoding
  case xRequestID
  /// Any other name.
  case other

  /// Recognizes a name, in any case (RFC 9110 §5.1).
  init(_ input: Span<UInt8>, _ range: Range<Int>) {
    // The length and the first letter leave one name, or two that differ in the second letter. The
    // whole name is then compared.
    let candidate: FieldName
    switch (range.count, input[range.lowerBound] | 0x20) {
    case (4, UInt8(ascii: "h")): candidate = .host
    case (6, UInt8(ascii: "e")): candidate = .expect
    case (6, UInt8(ascii: "o")): candidate = .origin
    case (6, UInt8(ascii: "p")): candidate = .prefer
    case (8, UInt8(ascii: "i")): candidate = .ifMatch
    case (10, UInt8(ascii: "c")): candidate = .connection
    case (11, UInt8(ascii: "t")): candidate = .traceparent
    case (12, UInt8(ascii: "c")): candidate = .contentType
    case (12, UInt8(ascii: "x")): candidate = .xRequestID
    case (13, UInt8(ascii: "a")): candidate = .authorization
    case (13, UInt8(ascii: "c")):
      let isCache = input[range.lowerBound + 1] | 0x20 == UInt8(ascii: "a")
      candidate = isCache ? .cacheControl : .contentRange
    case (13, UInt8(ascii: "i")): candidate = .ifNoneMatch
    case (13, UInt8(ascii: "l")): candidate = .lastEventID
    case (14, UInt8(ascii: "c")): candidate = .contentLength
    case (14, UInt8(ascii: "s")): candidate = .secFetchSite
    case (15, UInt8(ascii: "i")): candidate = .idempotencyKey
    case (16, UInt8(ascii: "c")): candidate = .contentEncoding
    case (17, UInt8(ascii: "t")): candidate = .transferEncoding
    case (19, UInt8(ascii: "i")): candidate = .ifUnmodifiedSince
    case (29, UInt8(ascii: "a")): candidate = .accessControlRequestMethod
    default: candidate = .other
    }
    self =
      candidate != .other && input.matches(range, lowercase: candidate.lowercased)
      ? candidate : .other
  }

  /// The name in lower case; empty for `other`.
  var lowercased: StaticString {
    switch self {
    case .accessControlRequestMethod: "access-control-request-method"
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
    case .lastEventID: "last-event-id"
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
