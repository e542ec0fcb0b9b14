import Embedded
import Foundation
import KeyValueStore
import Logging
import Observability
import Telemetry
import Testing

@testable import Cluster
@testable import HTTP
@testable import KeyValueAPI
@testable import Service

@Suite("The metrics of the API")
struct MetricsTests {
  private let registry = MetricsRegistry()

  private var text: String { String(decoding: registry.text(), as: UTF8.self) }

  private func has(_ line: String) -> Bool { text.split(separator: "\n").contains(line[...]) }

  private func answered(
    _ method: String, _ route: Route, _ status: Status, duration: Duration = .microseconds(70),
    problem: ProblemType? = nil
  ) throws -> AnsweredRequest {
    var parser = HTTPParser()
    let bytes = Array("\(method) / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
    guard case .head(let head, _) = try parser.parse(bytes.span) else { throw IncompleteHead() }
    return AnsweredRequest(
      route: route, head: head, id: RequestID(1), status: status, duration: duration,
      problem: problem.map { Problem($0, "") })
  }

  private struct IncompleteHead: Error {}

  @Test("Names are Prometheus' own: a prefix, a base unit, _total for counters only")
  func conventions() {
    let all =
      MetricsCatalogue.server + MetricsCatalogue.requesting + MetricsCatalogue.store
      + MetricsCatalogue.watching + MetricsCatalogue.auditing + TelemetryMetrics.catalogue
      + EmbeddedMetrics.catalogue
    #expect(Set(all.map(\.name)).count == all.count)
    for metric in all {
      #expect(metric.name.hasPrefix("kv_"), "\(metric.name)")
      #expect(metric.name.hasSuffix("_total") == (metric.kind == .counter), "\(metric.name)")
      #expect(metric.help.hasSuffix("."), "\(metric.name)")
      #expect(!metric.name.contains(/_(ms|us|millis|kb|mb)(_|$)/), "\(metric.name)")
    }
  }

  @Test("Requests are counted by route, method and status, and timed by route")
  func requests() throws {
    let metrics = RequestMetrics(registry: registry)
    let other = RequestMetrics(registry: registry)
    metrics.count(try answered("GET", .all[0], .ok))
    metrics.count(try answered("GET", .all[0], .ok, duration: .seconds(20)))
    other.count(try answered("GET", .all[0], .ok))
    metrics.count(try answered("PUT", .all[0], .created))
    metrics.count(try answered("BREW", .unknown, .notFound))
    #expect(
      has(#"kv_http_requests_total{method="GET",route="/kv/{key}",status="200"} 3"#))
    #expect(
      has(#"kv_http_requests_total{method="PUT",route="/kv/{key}",status="201"} 1"#))
    #expect(
      has(#"kv_http_requests_total{method="other",route="unknown",status="404"} 1"#))
    #expect(
      has(#"kv_http_request_duration_seconds_bucket{route="/kv/{key}",le="5e-05"} 0"#))
    #expect(
      has(#"kv_http_request_duration_seconds_bucket{route="/kv/{key}",le="0.0001"} 3"#))
    #expect(
      has(#"kv_http_request_duration_seconds_bucket{route="/kv/{key}",le="+Inf"} 4"#))
    #expect(has(#"kv_http_request_duration_seconds_count{route="/kv/{key}"} 4"#))
  }

  @Test("Clients that make up methods and paths make up no series")
  func cardinality() throws {
    let metrics = RequestMetrics(registry: registry)
    func series() -> Int { text.split(separator: "\n").count }
    metrics.count(try answered("A0", .unknown, .notFound))
    let before = series()
    for number in 0..<300 { metrics.count(try answered("A\(number)", .unknown, .notFound)) }
    #expect(series() == before)
  }

  @Test("All combinations of route, method and status stay within what a family may have")
  func allCombinations() throws {
    let metrics = RequestMetrics(registry: registry)
    let methods = ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "BREW"]
    let statuses = StatusSet<Int>.answers + [.versionNotSupported]
    for route in Route.all {
      for method in methods {
        for status in statuses { metrics.count(try answered(method, route, status)) }
      }
    }
    let lines = text.split(separator: "\n").filter { $0.hasPrefix("kv_http_requests_total{") }
    #expect(lines.count == Route.all.count * methods.count * statuses.count)
    #expect(lines.allSatisfy { $0.hasSuffix(" 1") })
  }

  @Test("A status that is not foreseen is counted as other")
  func otherStatus() throws {
    RequestMetrics(registry: registry).count(try answered("GET", .all[0], .versionNotSupported))
    #expect(has(#"kv_http_requests_total{method="GET",route="/kv/{key}",status="other"} 1"#))
  }

  @Test("Server errors are counted from 0 on: rates miss what a series begins with")
  func noErrors() {
    _ = RequestMetrics(registry: registry)
    for (route, method) in [
      ("/kv/{key}", "GET"), ("/kv/{key}", "HEAD"), ("/kv/{key}", "PUT"), ("/kv/{key}", "DELETE"),
      ("/kv", "GET"), ("/kv", "HEAD"), ("/kv", "PUT"), ("/kv", "DELETE"), ("/batch", "POST"),
    ] {
      for status in [500, 503] {
        let labels = #"method="\#(method)",route="\#(route)",status="\#(status)""#
        #expect(has("kv_http_requests_total{\(labels)} 0"), "\(labels)")
      }
    }
  }

  @Test("Requests refused for their sender or the load are counted by reason, from 0 on")
  func refused() throws {
    let metrics = RequestMetrics(registry: registry)
    for reason in RefusalReason.allCases {
      #expect(has(#"kv_api_refused_total{reason="\#(reason)"} 0"#))
    }
    for type in ProblemType.allCases {
      metrics.count(try answered("PUT", .all[0], type.status, problem: type))
    }
    for (reason, count) in [
      ("token", 1), ("scope", 1), ("origin", 2), ("rate", 1), ("overload", 1),
    ] {
      #expect(has(#"kv_api_refused_total{reason="\#(reason)"} \#(count)"#), "\(reason)")
    }
  }

  @Test("Requests in flight go up and down")
  func inFlight() {
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let recorder = RequestRecorder(
      metrics: RequestMetrics(registry: registry), logger: logger,
      warnings: RepeatedWarnings(logger: logger))
    recorder.began()
    recorder.began()
    recorder.ended()
    #expect(has("kv_http_requests_in_flight 1"))
  }

  @Test("Connections are counted open, accepted and refused, with their bytes")
  func connections() {
    let metrics = ConnectionMetrics(registry: registry)
    let other = ConnectionMetrics(registry: registry)
    metrics.connectionOpened()
    metrics.connectionOpened()
    other.connectionOpened()
    metrics.connectionClosed()
    metrics.connectionRefused()
    metrics.received(bytes: 10)
    metrics.sent(bytes: 20)
    metrics.refused(.badRequest)
    metrics.refused(.requestTimeout)
    metrics.refused(.ok)
    for line in [
      "kv_http_connections_open 2", "kv_http_connections_accepted_total 3",
      "kv_http_connections_refused_total 1", "kv_http_received_bytes_total 10",
      "kv_http_sent_bytes_total 20", "kv_http_refused_requests_total{status=\"400\"} 1",
      "kv_http_refused_requests_total{status=\"408\"} 1",
      "kv_http_refused_requests_total{status=\"other\"} 1",
    ] { #expect(has(line), "\(line)") }
  }

  @Test("All that a store tells is counted, with its errors")
  func store() {
    let metrics = StoreMetrics(registry: registry)
    for answer in ObservedAnswer.allCases { metrics.cacheAnswered(answer) }
    metrics.cacheAnswered(.hit)
    metrics.readBatchEnded(keys: 2, readers: 5, duration: .microseconds(10), error: nil)
    let unavailable = StoreError.unavailable(cause: "", retryAfter: 1)
    metrics.readBatchEnded(keys: 1, readers: 1, duration: .seconds(1), error: unavailable)
    metrics.writeBatchEnded(writes: 100, bytes: 1_000, duration: .milliseconds(1), error: nil)
    metrics.writeBatchEnded(
      writes: 1, bytes: 1, duration: .zero, error: .outcomeUnknown(cause: ""))
    metrics.batchExecuted(operations: 3, duration: .zero, error: .overloaded(retryAfter: 1))
    metrics.batchExecuted(operations: 3, duration: .zero, error: .idempotencyInFlight)
    metrics.cacheUpdateFailed(keys: 4)
    metrics.publishFailed(changes: 6, error: unavailable)
    for work in ObservedWork.allCases { metrics.refused(work) }
    metrics.purged(PurgeReport(expired: 8, removed: 9, hasMore: false))
    for line in [
      #"kv_cache_lookups_total{answer="hit"} 2"#, #"kv_cache_lookups_total{answer="miss"} 1"#,
      #"kv_cache_lookups_total{answer="expired"} 1"#, "kv_store_read_batch_keys_count 2",
      "kv_store_database_reads_total 5", "kv_store_read_batch_duration_seconds_count 2",
      #"kv_store_write_batch_writes_bucket{le="50"} 1"#,
      #"kv_store_write_batch_writes_bucket{le="100"} 2"#, "kv_store_written_bytes_total 1001",
      "kv_store_write_batch_duration_seconds_sum 0.001", "kv_store_transaction_operations_sum 6",
      "kv_store_transaction_duration_seconds_count 2",
      #"kv_store_errors_total{error="unavailable",work="read"} 1"#,
      #"kv_store_errors_total{error="outcome_unknown",work="write"} 1"#,
      #"kv_store_errors_total{error="overloaded",work="batch"} 1"#,
      #"kv_store_errors_total{error="idempotency_in_flight",work="batch"} 1"#,
      "kv_cache_update_failures_total 4", "kv_feed_publish_failures_total 6",
      #"kv_store_refused_total{work="read"} 1"#, #"kv_store_refused_total{work="write"} 1"#,
      #"kv_store_refused_total{work="batch"} 1"#, #"kv_store_purged_total{kind="expired"} 8"#,
      #"kv_store_purged_total{kind="retained"} 9"#,
    ] { #expect(has(line), "\(line)") }
  }

  @Test("A server's whole text has every metric of the catalogue")
  func everything() async throws {
    var embedded = EmbeddedConfiguration()
    let folder = FileManager.default.temporaryDirectory.appending(path: "metrics-\(UUID())")
    defer { try? FileManager.default.removeItem(at: folder) }
    embedded.dataFolder = folder.path
    let database = try EmbeddedDatabase(embedded, metrics: EmbeddedMetrics(in: registry))
    let state = HTTPServerState()
    ServerMetrics.register(
      in: registry, state: state, configuration: HTTPConfiguration(), log: LogWriter(),
      store: "embedded")
    _ = ConnectionMetrics(registry: registry)
    _ = StoreMetrics(registry: registry)
    _ = WatchMetrics(registry: registry)
    _ = AuditMetrics(registry: registry)
    _ = TelemetryMetrics(in: registry)
    RequestMetrics(registry: registry).count(try answered("GET", .all[0], .ok))
    let cache = CacheStatistics(
      keys: 1, keysMax: nil, bytes: 2, bytesMax: 3, hits: 4, misses: 5, evictions: 6)
    state.startDraining()
    let samples = ServerMetrics.samples(of: cache)
    let text = String(decoding: registry.text(adding: samples), as: UTF8.self)
    let catalogue =
      MetricsCatalogue.server + MetricsCatalogue.requesting + MetricsCatalogue.store
      + MetricsCatalogue.watching + MetricsCatalogue.auditing + TelemetryMetrics.catalogue
      + EmbeddedMetrics.catalogue
    for metric in catalogue + ProcessMetrics.catalogue {
      #expect(text.contains("# TYPE \(metric.name) \(metric.kind.rawValue)\n\(metric.name)"))
    }
    for line in [
      "kv_cache_keys 1", "kv_cache_bytes 2", "kv_cache_bytes_max 3", "kv_cache_evictions_total 6",
      "kv_draining 1", "kv_http_connections_max 10000", "kv_log_lines_dropped_total 0",
    ] { #expect(text.contains("\n\(line)\n"), "\(line)") }
    #expect(text.contains("store=\"embedded\""))
    #expect(text.contains("version=\"\(BuildInformation.version)\"} 1\n"))
    await database.close()
  }
}
