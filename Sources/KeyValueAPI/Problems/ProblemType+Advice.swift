extension ProblemType {
  /// What it means and what to do, for the reference page.
  var advice: String {
    switch self {
    case .malformedRequest:
      "The request breaks the rules of HTTP/1.1 (RFC 9112). The connection closes with the answer."
    case .invalidKey:
      "A key is 1 to 1,024 bytes of UTF-8 without control characters, percent-encoded in a URL."
    case .invalidParameter:
      "The member parameter names it. Unknown parameters are refused: a mistyped one must not pass."
    case .invalidHeader:
      "The member header names it. A malformed condition never lets a write through."
    case .invalidJSON:
      "The body is not JSON (RFC 8259) in UTF-8, names a member twice, or nests more than 64 deep."
    case .invalidDocument:
      "The body is JSON, but a member is missing, unknown or of the wrong type."
    case .unauthorized: "Send Authorization: Bearer, and a token that the server knows."
    case .forbidden: "Use a token with the scope and the key prefix that the request needs."
    case .crossSite:
      "A server that needs no token lets web pages write only if it has served them itself."
    case .foreignHost:
      "A server that needs no token and listens on a loopback address answers only where Host is "
        + "localhost or an IP address: another name may be a web page's that was bound to it."
    case .unknownPath: "Keys are at /kv/{key}; this page lists all paths."
    case .keyNotFound: "The key was never written, was deleted, or its time is over."
    case .operationNotFound: "The id is wrong, or the operation is older than 24 hours."
    case .methodNotAllowed: "Allow lists the methods of the path."
    case .requestTimeout: "Send the whole header section within 10 s, and keep the body flowing."
    case .idempotencyInFlight: "Send the same request again later: it gets the first one's result."
    case .preconditionFailed:
      "Read the key again and decide anew. ETag is the current one; it is missing if the key is."
    case .contentTooLarge:
      "Values have at most 1 MiB, documents 8 MiB, batches 1,000 operations, unless configured "
        + "otherwise."
    case .unsupportedEncoding:
      "Values are kept with their content type, not with a coding: send them decoded, or with the "
        + "coding as part of the type, as in application/gzip."
    case .uriTooLong: "The request line has at most 8 KiB."
    case .keyTooLong: "A key has at most 1,024 bytes of UTF-8."
    case .expectationFailed: "Only Expect: 100-continue is known."
    case .idempotencyMismatch:
      "An idempotency key stands for one method, path, query, condition and body for 24 hours, "
        + "sent with a token of the same scopes and prefix."
    case .tooManyRequests:
      "Nothing was done. Wait for Retry-After seconds, then ask less often: the proxy in front of "
        + "the servers bounds what each client may ask."
    case .headerTooLarge: "The header section has at most 16 KiB and 100 fields."
    case .internalError: "This is a mistake of the server. Tell its operator the X-Request-Id."
    case .notImplemented: "Use a method and a transfer coding that HTTP/1.1 servers know."
    case .unavailable: "Nothing was done. Try again after Retry-After seconds."
    case .overloaded: "Nothing was started. Try again after Retry-After seconds."
    case .outcomeUnknown:
      "The write may have taken effect. Read the key; or send writes with an Idempotency-Key, and "
        + "send them again."
    case .versionNotSupported: "Speak HTTP/1.1."
    }
  }
}
