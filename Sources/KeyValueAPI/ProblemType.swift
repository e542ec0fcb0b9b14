import HTTP

/// Everything that can be wrong with a request. `row` is the table: a row for each problem.
enum ProblemType: CaseIterable, Sendable {
  case malformedRequest, invalidKey, invalidParameter, invalidHeader, invalidJSON, invalidDocument
  case unauthorized, forbidden, crossSite, foreignHost, unknownPath, keyNotFound
  case operationNotFound, methodNotAllowed, requestTimeout, idempotencyInFlight
  case notAnInteger, integerOverflow, positionGone
  case preconditionFailed, contentTooLarge, unsupportedEncoding, unsupportedMediaType, uriTooLong
  case keyTooLong
  case expectationFailed, idempotencyMismatch, tooManyRequests, headerTooLarge, internalError
  case notImplemented, unavailable, overloaded, outcomeUnknown, versionNotSupported

  /// The problem's place in `/docs`, as in its `type` (RFC 9457 §3.1.1). Clients compare it, so it
  /// must never change.
  var anchor: StaticString { row.anchor }
  var status: Status { row.status }
  /// The same for every occurrence (RFC 9457 §3.1.3).
  var title: StaticString { row.title }
  /// What it means and what to do, for the reference page.
  var advice: StaticString { row.advice }

  private struct Row {
    let anchor: StaticString
    let status: Status
    let title: StaticString
    let advice: StaticString

    init(
      _ anchor: StaticString, _ status: Status, _ title: StaticString, _ advice: StaticString
    ) {
      self.anchor = anchor
      self.status = status
      self.title = title
      self.advice = advice
    }
  }

  private var row: Row {
    switch self {
    case .malformedRequest:
      Row(
        "malformed-request", .badRequest, "The request is not valid HTTP",
        """
        The request breaks the rules of HTTP/1.1 (RFC 9112). The connection closes with the \
        answer.
        """)
    case .invalidKey:
      Row(
        "invalid-key", .badRequest, "The key is not valid",
        """
        A key is 1 to 1,024 bytes of UTF-8 without control characters, percent-encoded in a URL.
        """)
    case .invalidParameter:
      Row(
        "invalid-parameter", .badRequest, "A query parameter is not valid",
        """
        The member parameter names it. Unknown parameters are refused: a mistyped one must not \
        pass.
        """)
    case .invalidHeader:
      Row(
        "invalid-header", .badRequest, "A header field is not valid",
        "The member header names it. A malformed condition never lets a write through.")
    case .invalidJSON:
      Row(
        "invalid-json", .badRequest, "The body is not valid JSON",
        """
        The body is not JSON (RFC 8259) in UTF-8, names a member twice, or nests more than 64 \
        deep.
        """)
    case .invalidDocument:
      Row(
        "invalid-document", .badRequest, "The document does not fit this endpoint",
        "The body is JSON, but a member is missing, unknown or of the wrong type.")
    case .unauthorized:
      Row(
        "unauthorized", .unauthorized, "A token is needed",
        "Send Authorization: Bearer, and a token that the server knows.")
    case .forbidden:
      Row(
        "forbidden", .forbidden, "The token does not allow this",
        "Use a token with the scope and the key prefix that the request needs.")
    case .crossSite:
      Row(
        "cross-site", .forbidden, "A page of another site may not do this",
        "A server that needs no token lets web pages write only if it has served them itself.")
    case .foreignHost:
      Row(
        "foreign-host", .forbidden, "The server is not known by this name",
        """
        A server that needs no token and listens on a loopback address answers only where Host is \
        localhost or an IP address: another name may be a web page's that was bound to it.
        """)
    case .unknownPath:
      Row(
        "unknown-path", .notFound, "There is nothing at this path",
        "Keys are at /kv/{key}; this page lists all paths.")
    case .keyNotFound:
      Row(
        "key-not-found", .notFound, "The key does not exist",
        "The key was never written, was deleted, or its time is over.")
    case .operationNotFound:
      Row(
        "operation-not-found", .notFound, "The operation is not known",
        "The id is wrong, or the operation is older than 24 hours.")
    case .methodNotAllowed:
      Row(
        "method-not-allowed", .methodNotAllowed, "The method is not allowed here",
        "Allow lists the methods of the path.")
    case .requestTimeout:
      Row(
        "request-timeout", .requestTimeout, "The request took too long to arrive",
        "Send the whole header section within 10 s, and keep the body flowing.")
    case .idempotencyInFlight:
      Row(
        "idempotency-in-flight", .conflict,
        "The first request with this idempotency key is in progress",
        "Send the same request again later: it gets the first one's result.")
    case .notAnInteger:
      Row(
        "not-an-integer", .conflict, "The value is not an integer",
        """
        Something can be added only to an integer of 64 bits in decimal, without a plus, leading \
        zeros or spaces, as add itself writes it. Nothing was written.
        """)
    case .integerOverflow:
      Row(
        "integer-overflow", .conflict, "The sum does not fit",
        "A number has 64 bits, with its sign. Nothing was written.")
    case .positionGone:
      Row(
        "position-gone", .gone, "The changes after this position are no longer kept",
        """
        Read the keys again, and watch from now on: without after and Last-Event-ID. Changes are \
        kept for 24 hours in a cluster; a server with its own store keeps the last 65,536 until it \
        ends.
        """)
    case .preconditionFailed:
      Row(
        "precondition-failed", .preconditionFailed, "The condition does not hold",
        """
        Read the key again and decide anew. ETag is the current one; it is missing if the key is.
        """)
    case .contentTooLarge:
      Row(
        "content-too-large", .contentTooLarge, "The content is too large",
        """
        Values have at most 1 MiB, documents 8 MiB, batches 1,000 operations, unless configured \
        otherwise.
        """)
    case .unsupportedEncoding:
      Row(
        "unsupported-encoding", .unsupportedMediaType, "The content coding is not supported",
        """
        Values are kept with their content type, not with a coding: send them decoded, or with the \
        coding as part of the type, as in application/gzip.
        """)
    case .unsupportedMediaType:
      Row(
        "unsupported-media-type", .unsupportedMediaType, "The patch format is not supported",
        "Accept-Patch names the content type that a PATCH has.")
    case .uriTooLong:
      Row(
        "uri-too-long", .uriTooLong, "The request line is too long",
        "The request line has at most 8 KiB.")
    case .keyTooLong:
      Row(
        "key-too-long", .uriTooLong, "The key is too long",
        "A key has at most 1,024 bytes of UTF-8.")
    case .expectationFailed:
      Row(
        "expectation-failed", .expectationFailed, "The expectation can't be met",
        "Only Expect: 100-continue is known.")
    case .idempotencyMismatch:
      Row(
        "idempotency-mismatch", .unprocessableContent,
        "The idempotency key was used for another request",
        """
        An idempotency key stands for one method, path, query, condition and body for 24 hours, \
        sent with a token of the same scopes and prefix.
        """)
    case .tooManyRequests:
      Row(
        "too-many-requests", .tooManyRequests, "There were too many requests",
        """
        Nothing was done. Wait for Retry-After seconds, then ask less often. The member limit is \
        what the token may send to each server; where it is missing, the proxy in front of the \
        servers bounds what each client may ask.
        """)
    case .headerTooLarge:
      Row(
        "header-too-large", .headerFieldsTooLarge, "The header section is too large",
        "The header section has at most 16 KiB and 100 fields.")
    case .internalError:
      Row(
        "internal-error", .internalServerError, "The server made a mistake",
        "This is a mistake of the server. Tell its operator the X-Request-Id.")
    case .notImplemented:
      Row(
        "not-implemented", .notImplemented, "The server does not know how to do this",
        "Use a method and a transfer coding that HTTP/1.1 servers know.")
    case .unavailable:
      Row(
        "unavailable", .serviceUnavailable, "The store is not available at the moment",
        "Nothing was done. Try again after Retry-After seconds.")
    case .overloaded:
      Row(
        "overloaded", .serviceUnavailable, "The server has too much to do at the moment",
        "Nothing was started. Try again after Retry-After seconds.")
    case .outcomeUnknown:
      Row(
        "outcome-unknown", .serviceUnavailable, "It is not known whether the write took effect",
        """
        The write may have taken effect. Read the key; or send writes with an Idempotency-Key, and \
        send them again.
        """)
    case .versionNotSupported:
      Row(
        "version-not-supported", .versionNotSupported, "The version of HTTP is not supported",
        "Speak HTTP/1.1.")
    }
  }
}
