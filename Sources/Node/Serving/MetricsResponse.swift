package import HTTP

/// The answer to Prometheus.
package enum MetricsResponse {
  /// Metrics in Prometheus' text format 0.0.4.
  package static func make(_ text: [UInt8]) -> Response {
    var fields = FieldBlock(reserving: 160)
    fields.append("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
    fields.append("Cache-Control", "no-store")
    fields.append("X-Content-Type-Options", "nosniff")
    return Response(.ok, fields: fields, body: text)
  }
}
