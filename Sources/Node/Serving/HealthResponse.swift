package import HTTP
package import KeyValueStore

/// Answers that tell how a process is.
package enum HealthResponse {
  /// `{"status":"healthy","components":{"database":{"status":"healthy"},…}}`; 503 when unhealthy.
  ///
  /// Why is in the log: anybody may ask here, and the cause may name hosts.
  package static func make(_ health: StoreHealth) -> Response {
    let components = health.components.map {
      "\"\($0.name.rawValue)\":{\"status\":\"\($0.isHealthy ? "healthy" : "unhealthy")\"}"
    }
    let text =
      "{\"status\":\"\(health.status.rawValue)\","
      + "\"components\":{\(components.joined(separator: ","))}}"
    guard health.status == .unhealthy else { return json(.ok, text) }
    var response = json(.serviceUnavailable, text)
    response.fields.append("Retry-After", "1")
    return response
  }

  /// `{"status":"alive"}`.
  package static func make(status: StaticString) -> Response {
    json(.ok, "{\"status\":\"\(status)\"}")
  }

  private static func json(_ status: Status, _ text: String) -> Response {
    var fields = FieldBlock(reserving: 256)
    fields.append("Content-Type", "application/json")
    fields.append("Cache-Control", "no-store")
    fields.append("X-Content-Type-Options", "nosniff")
    return Response(status, fields: fields, body: Array(text.utf8))
  }
}
