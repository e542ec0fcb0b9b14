package import HTTP
package import KeyValueStore

/// Answers that tell how a process is.
package enum HealthResponse {
  /// `{"status":"healthy","components":{"database":{"status":"healthy"},…}}`; 503 when unhealthy.
  ///
  /// Why is in the log: anybody may ask here, and the cause may name hosts.
  package static func make(_ health: StoreHealth) -> Response {
    let components = health.components.map { (name: $0.name.rawValue, isHealthy: $0.isHealthy) }
    var response = make(
      health.status == .unhealthy ? .serviceUnavailable : .ok, status: health.status.rawValue,
      components: components)
    if health.status == .unhealthy { response.fields.append("Retry-After", "1") }
    return response
  }

  /// The same form, for a process without a store. Names are the program's own.
  package static func make(
    _ status: Status, status word: String, components: [(name: String, isHealthy: Bool)]
  ) -> Response {
    let components = components.map {
      "\"\($0.name)\":{\"status\":\"\($0.isHealthy ? "healthy" : "unhealthy")\"}"
    }
    return json(
      status, "{\"status\":\"\(word)\",\"components\":{\(components.joined(separator: ","))}}")
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
