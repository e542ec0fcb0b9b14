import Basics
import Cluster
import HTTP
import KeyValueStore
import Service

// For operators and Prometheus: health, statistics, metrics. And OPTIONS, and what a token allows.
extension APIHandler {
  func getHealth(_: AcceptedRequest) async -> Response { HealthResponse.make(await store.health()) }

  func getLiveness(_: AcceptedRequest) -> Response { HealthResponse.make(status: "alive") }

  /// Ready: not shutting down, and the database answers. A missing cache or queue does no harm.
  func getReadiness(_: AcceptedRequest) async throws(Problem) -> Response {
    if surroundings.isDraining() {
      throw Problem(.unavailable, "This server is shutting down: ask another one.")
        .with(field: "Retry-After", "1")
    }
    if await store.health().status == .unhealthy {
      throw Problem(.unavailable, "The database does not answer: ask again in a second.")
        .with(field: "Retry-After", "1")
    }
    return HealthResponse.make(status: "ready")
  }

  func getCacheStatistics(_: AcceptedRequest) async -> Response {
    let statistics = await store.cacheStatistics()
    var writer = JSONWriter()
    writer.beginObject()
    writer.name("keys_count")
    writer.number(Int64(statistics.keys))
    writer.name("max_keys_limit")
    if let most = statistics.keysMax { writer.number(Int64(most)) } else { writer.null() }
    writer.name("memory_used_bytes")
    writer.number(Int64(statistics.bytes))
    writer.name("max_memory_bytes")
    if let most = statistics.bytesMax { writer.number(Int64(most)) } else { writer.null() }
    writer.name("hit_rate")
    writer.fraction(statistics.hits, of: statistics.hits + statistics.misses)
    writer.name("cache_hits")
    writer.number(Int64(statistics.hits))
    writer.name("cache_misses")
    writer.number(Int64(statistics.misses))
    writer.endObject()
    return Response(.ok, json: writer)
  }

  /// What the caller's token allows.
  func getCaller(_ request: AcceptedRequest) -> Response {
    let principal = request.principal
    var writer = JSONWriter()
    writer.beginObject()
    writer.name("name")
    if authentication.isRequired { writer.string(principal.name) } else { writer.null() }
    writer.name("scopes")
    writer.beginArray()
    for scope in Scope.allCases where principal.scopes.contains(scope) {
      writer.string(scope.rawValue)
    }
    writer.endArray()
    writer.name("prefix")
    writer.string(utf8: principal.keyPrefix)
    writer.endObject()
    return Response(.ok, json: writer)
  }

  func getMetrics(_: AcceptedRequest) async -> Response {
    MetricsResponse.make(await surroundings.metricsText())
  }

  /// RFC 9110 §9.3.7.
  func getOptions(_ request: AcceptedRequest) -> Response {
    var fields = FieldBlock(reserving: 64)
    fields.append("Allow", request.route.allow)
    // RFC 5789 §3.1.
    if request.route.endpoint(for: RouteMethod.patch) != nil {
      fields.append("Accept-Patch", PatchDocument.mediaType)
    }
    return Response(.noContent, fields: fields)
  }
}
