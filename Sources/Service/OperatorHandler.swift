internal import Basics
package import HTTP

/// Answers operators and Prometheus, in a program that has no other clients: health and metrics.
package final class OperatorHandler: HTTPHandler {
  private let program: String
  private let health: () async -> Response
  private let obstacle: () async -> String?
  private let metricsText: () async -> [UInt8]

  /// - Parameters:
  ///   - program: what the program is called at the beginning of a sentence.
  ///   - health: answers `/health`.
  ///   - obstacle: says in a sentence why the program is not ready; nil: it is.
  ///   - metricsText: all metrics in Prometheus' text format.
  package init(
    program: String, health: @escaping () async -> Response,
    obstacle: @escaping () async -> String?, metricsText: @escaping () async -> [UInt8]
  ) {
    self.program = program
    self.health = health
    self.obstacle = obstacle
    self.metricsText = metricsText
  }

  /// No request here has a body.
  package func admit(_ head: RequestHead, id: RequestID) -> (RequestHead, bodyBytesMax: Int) {
    (head, 0)
  }

  package func respond(to head: RequestHead, body: [UInt8]) async -> Response {
    guard let route = OperatorRoute(path: head.path) else {
      return problem(
        .notFound, "\(program) answers at /health, /health/live, /health/ready and /metrics.")
    }
    guard [.get, .head].contains(head.method) else {
      return problem(.methodNotAllowed, "This path allows GET, HEAD.", ("Allow", "GET, HEAD"))
    }
    switch route {
    case .health: return await health()
    case .live: return HealthResponse.make(status: "alive")
    case .ready: return await readiness()
    case .metrics: return MetricsResponse.make(await metricsText())
    }
  }

  package func respond(to problem: HTTPProblem, origin: [UInt8]?, id: RequestID) -> Response {
    self.problem(problem.status, problem.detail)
  }

  private func readiness() async -> Response {
    guard let obstacle = await obstacle() else { return HealthResponse.make(status: "ready") }
    return problem(.serviceUnavailable, obstacle, ("Retry-After", "1"))
  }

  /// A refusal that its status describes; `detail` holds nothing that a client sent.
  private func problem(
    _ status: Status, _ detail: String, _ fields: (name: StaticString, value: String)...
  ) -> Response {
    ProblemDocument(type: "about:blank", title: status.reason, status: status, detail: detail)
      .response(with: fields)
  }
}

/// The paths for operators and Prometheus.
private enum OperatorRoute: String, CaseIterable {
  case health = "/health"
  case live = "/health/live"
  case ready = "/health/ready"
  case metrics = "/metrics"

  /// The route of a path as it came.
  init?(path: ArraySlice<UInt8>) {
    guard let route = Self.allCases.first(where: { path.elementsEqual($0.rawValue.utf8) }) else {
      return nil
    }
    self = route
  }
}

/// Answers that say how a process is.
package enum HealthResponse {
  /// `{"status":"healthy","components":{"database":{"status":"healthy"},…}}`
  package static func make(
    _ status: Status, status word: String, components: [(name: String, isHealthy: Bool)]
  ) -> Response {
    var writer = JSONWriter()
    writer.beginObject()
    writer.name("status")
    writer.string(word)
    writer.name("components")
    writer.beginObject()
    for component in components {
      writer.name(escaping: component.name)
      writer.beginObject()
      writer.name("status")
      writer.string(component.isHealthy ? "healthy" : "unhealthy")
      writer.endObject()
    }
    writer.endObject()
    writer.endObject()
    return .unstored(status, "application/json", writer.bytes)
  }

  /// `{"status":"alive"}`.
  package static func make(status: StaticString) -> Response {
    .unstored(.ok, "application/json", Array("{\"status\":\"\(status)\"}".utf8))
  }
}

/// The answer to Prometheus.
package enum MetricsResponse {
  /// Metrics in Prometheus' text format 0.0.4.
  package static func make(_ text: [UInt8]) -> Response {
    .unstored(.ok, "text/plain; version=0.0.4; charset=utf-8", text)
  }
}

extension Response {
  /// An answer that is true for this moment only, so that nothing may keep it.
  fileprivate static func unstored(
    _ status: Status, _ contentType: String, _ body: [UInt8]
  ) -> Response {
    var fields = FieldBlock(reserving: 256)
    fields.append("Content-Type", contentType)
    fields.append("Cache-Control", "no-store")
    fields.append("X-Content-Type-Options", "nosniff")
    return Response(status, fields: fields, body: body)
  }
}
