package import Observability

/// The metrics of the programs. Units are base units; labels take values from enums only.
///
/// These are the metrics of every program that serves HTTP; other modules add theirs by extensions.
package enum MetricsCatalogue {
  // MARK: The process

  package static let build = MetricDescription.gauge(
    "kv_build_info", "Always 1; its labels say which build this is.")
  package static let logLinesDropped = MetricDescription.counter(
    "kv_log_lines_dropped_total", "Log lines dropped because the reader of the log was too slow.")
  package static let isDraining = MetricDescription.gauge(
    "kv_draining", "1 from SIGTERM on, when readiness is refused and requests in flight finish.")

  // MARK: Connections

  package static let connectionsOpen = MetricDescription.gauge(
    "kv_http_connections_open", "Connections open now.")
  package static let connectionsMax = MetricDescription.gauge(
    "kv_http_connections_max", "The most connections that may be open.")
  package static let connectionsAccepted = MetricDescription.counter(
    "kv_http_connections_accepted_total", "Connections accepted.")
  package static let connectionsRefused = MetricDescription.counter(
    "kv_http_connections_refused_total", "Connections refused because too many were open.")
  package static let receivedBytes = MetricDescription.counter(
    "kv_http_received_bytes_total", "Bytes read from connections.")
  package static let sentBytes = MetricDescription.counter(
    "kv_http_sent_bytes_total", "Bytes written to connections.")
  package static let bodyBytesHeld = MetricDescription.gauge(
    "kv_http_body_buffer_bytes", "Request bodies in memory, as far as they have arrived.")
  package static let answerBytesHeld = MetricDescription.gauge(
    "kv_http_answer_buffer_bytes", "Answers that are being made or sent, in bytes.")
  package static let requestsRefused = MetricDescription.counter(
    "kv_http_refused_requests_total",
    "Requests that HTTP itself refused before a route saw them, by status.")

  // MARK: Requests

  package static let requests = MetricDescription.counter(
    "kv_http_requests_total", "Requests answered, by route, method and status.")
  package static let requestSeconds = MetricDescription.histogram(
    "kv_http_request_duration_seconds",
    "From the whole request to the whole answer, without the time on the wire, by route.",
    bounds: .latency)
  package static let requestsInFlight = MetricDescription.gauge(
    "kv_http_requests_in_flight", "Requests being answered now.")

  // MARK: The embedded database

  package static let embeddedCommits = MetricDescription.counter(
    "kv_embedded_commits_total", "Transactions that carried out writes.")
  package static let embeddedCommitSeconds = MetricDescription.counter(
    "kv_embedded_commit_seconds_total",
    "Time spent on these transactions, to the end of the fsync.")
  package static let embeddedCalls = MetricDescription.counter(
    "kv_embedded_commit_calls_total", "Calls of all event loops that these transactions served.")
  package static let embeddedRows = MetricDescription.counter(
    "kv_embedded_rows_written_total", "Writes that these transactions carried out.")
  package static let embeddedCheckpoints = MetricDescription.counter(
    "kv_embedded_checkpoints_total", "Times that the write-ahead log was copied into the database.")
  package static let embeddedCheckpointSeconds = MetricDescription.counter(
    "kv_embedded_checkpoint_seconds_total", "Time spent on copying the write-ahead log.")
  package static let embeddedFailures = MetricDescription.counter(
    "kv_embedded_failures_total", "Errors that SQLite reported.")
  package static let embeddedQueue = MetricDescription.gauge(
    "kv_embedded_queue_calls", "Calls that wait for a thread of the database, by kind of work.")

  /// All of these; the usual metrics of a process are in `ProcessMetrics.catalogue`.
  package static let server = [
    build, logLinesDropped, isDraining, connectionsOpen, connectionsMax, connectionsAccepted,
    connectionsRefused, receivedBytes, sentBytes, bodyBytesHeld, answerBytesHeld, requestsRefused,
    requests, requestSeconds, requestsInFlight,
  ]
  package static let embedded = [
    embeddedCommits, embeddedCommitSeconds, embeddedCalls, embeddedRows, embeddedCheckpoints,
    embeddedCheckpointSeconds, embeddedFailures, embeddedQueue,
  ]
}
