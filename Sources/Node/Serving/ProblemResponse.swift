package import HTTP

/// Refusals, as problem documents (RFC 9457).
package enum ProblemResponse {
  /// A problem that its status says all about; `detail` holds nothing that a client sent.
  package static func make(_ status: Status, _ detail: String) -> Response {
    var fields = FieldBlock(reserving: 160)
    fields.append("Content-Type", "application/problem+json")
    fields.append("Cache-Control", "no-store")
    fields.append("X-Content-Type-Options", "nosniff")
    let body =
      "{\"type\":\"about:blank\",\"title\":\"\(status.reason)\",\"status\":\(status.code),"
      + "\"detail\":\"\(detail)\"}"
    return Response(status, fields: fields, body: Array(body.utf8))
  }
}
