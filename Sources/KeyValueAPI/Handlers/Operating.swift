import Basics
import Cluster
import HTTP
import KeyValueStore
import Service

// What operators ask: health, statistics, metrics.
extension APIHandler {
  func getHealth() async -> Response { HealthResponse.make(await store.health()) }

  func getLiveness() -> Response { HealthResponse.make(status: "alive") }

  /// Ready: not on the way out, and able to serve. A missing cache or queue does not matter here.
  func getReadiness() async throws(Problem) -> Response {
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

  func getCacheStatistics() async -> Response {
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

  func getMetrics() async -> Response { MetricsResponse.make(await surroundings.metricsText()) }

  /// RFC 9110 §9.3.7.
  func options(of route: Route) -> Response {
    var fields = FieldBlock(reserving: 64)
    fields.append("Allow", route.allow)
    return Response(.noContent, fields: fields)
  }
}
