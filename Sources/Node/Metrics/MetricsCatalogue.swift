package import Observability

/// Every metric of kv-api, in one list. Base units; labels take values from enums only.
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

  // MARK: The store

  package static let cacheLookups = MetricDescription.counter(
    "kv_cache_lookups_total", "Keys looked up in the cache, by what it knew: hit, miss or expired.")
  package static let cacheUpdateFailures = MetricDescription.counter(
    "kv_cache_update_failures_total", "Committed changes that may not have reached the cache.")
  package static let cacheKeys = MetricDescription.gauge("kv_cache_keys", "Entries in the cache.")
  package static let cacheBytes = MetricDescription.gauge(
    "kv_cache_bytes", "Memory used by the cache, in bytes.")
  package static let cacheBytesMax = MetricDescription.gauge(
    "kv_cache_bytes_max", "The most memory that the cache may use, in bytes.")
  package static let cacheEvictions = MetricDescription.counter(
    "kv_cache_evictions_total", "Entries dropped from the cache to make room.")

  package static let readBatchKeys = MetricDescription.histogram(
    "kv_store_read_batch_keys", "Distinct keys in one look-up in the database.", bounds: .size)
  package static let readBatchReaders = MetricDescription.counter(
    "kv_store_database_reads_total", "Reads answered by look-ups in the database.")
  package static let readBatchSeconds = MetricDescription.histogram(
    "kv_store_read_batch_duration_seconds", "How long one look-up in the database took.",
    bounds: .latency)

  package static let writeBatchSize = MetricDescription.histogram(
    "kv_store_write_batch_writes", "Writes in one commit.", bounds: .size)
  package static let writtenBytes = MetricDescription.counter(
    "kv_store_written_bytes_total", "Bytes of keys and values handed to commits.")
  package static let writeBatchSeconds = MetricDescription.histogram(
    "kv_store_write_batch_duration_seconds", "How long one commit took.", bounds: .latency)

  package static let transactionOperations = MetricDescription.histogram(
    "kv_store_transaction_operations", "Operations in one client's batch.", bounds: .size)
  package static let transactionSeconds = MetricDescription.histogram(
    "kv_store_transaction_duration_seconds", "How long the transaction of a client's batch took.",
    bounds: .latency)

  package static let storeErrors = MetricDescription.counter(
    "kv_store_errors_total", "Work that failed in the database, by kind of work and of error.")
  package static let storeRefusals = MetricDescription.counter(
    "kv_store_refused_total", "Work turned away because a queue was full, by kind.")
  package static let publishFailures = MetricDescription.counter(
    "kv_feed_publish_failures_total", "Committed changes that were not published to watchers.")
  package static let purged = MetricDescription.counter(
    "kv_store_purged_total",
    "Rows purged: expired entries, and records whose retention was over.")

  /// All of them; those of the process in the usual sense are `ProcessMetrics.catalogue`.
  package static let all = [
    build, logLinesDropped, isDraining, connectionsOpen, connectionsMax, connectionsAccepted,
    connectionsRefused, receivedBytes, sentBytes, bodyBytesHeld, answerBytesHeld, requestsRefused,
    requests,
    requestSeconds, requestsInFlight, cacheLookups, cacheUpdateFailures, cacheKeys, cacheBytes,
    cacheBytesMax, cacheEvictions, readBatchKeys, readBatchReaders, readBatchSeconds,
    writeBatchSize, writtenBytes, writeBatchSeconds, transactionOperations, transactionSeconds,
    storeErrors, storeRefusals, publishFailures, purged,
  ]
}
