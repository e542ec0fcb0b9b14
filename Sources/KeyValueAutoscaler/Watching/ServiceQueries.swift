/// The expressions that measure a service (PromQL).
struct ServiceQueries: Equatable, Sendable {
  /// What Prometheus calls the targets of the service.
  let job: String
  /// Rates are taken over the last so many seconds.
  let window: Int
  /// What the workers' queue is called, and the job under which RabbitMQ tells of its queues.
  let queue: (name: String, job: String)

  static func == (left: ServiceQueries, right: ServiceQueries) -> Bool {
    left.job == right.job && left.window == right.window && left.queue == right.queue
  }

  /// Cores in use, by replica.
  var cpu: String { "sum by (instance) (rate(process_cpu_seconds_total\(selector)[\(window)s]))" }

  /// Requests a second, by replica. The histogram's count is there before the first request,
  /// kv_http_requests_total is not.
  var requests: String {
    "sum by (instance) (rate(kv_http_request_duration_seconds_count\(selector)[\(window)s]))"
  }

  /// Requests in flight, by replica: what a scrape sees is one moment, so the average of several.
  var inFlight: String {
    "sum by (instance) (avg_over_time(kv_http_requests_in_flight\(selector)[\(window)s]))"
  }

  /// Seconds, over all replicas. Without a request the quantile is NaN, which no comparison lets
  /// pass: then it is 0, but only if there is a count of requests, and nothing if there is none.
  var latency: String {
    let routes = #"route=~"/kv.*|/batch|/operations/.*""#
    let selector = #"{job=\#(quoted(job)),\#(routes)}[\#(window)s]"#
    let quantile =
      "histogram_quantile(0.95, sum by (le) "
      + "(rate(kv_http_request_duration_seconds_bucket\(selector))))"
    let none = "0 * sum(rate(kv_http_request_duration_seconds_count\(selector)))"
    return "(\(quantile) >= 0) or (\(none))"
  }

  /// Messages that wait or are in a worker's hands. Every node of RabbitMQ may tell of the queue.
  var depth: String {
    let selector = "{job=\(quoted(queue.job)),queue=\(quoted(queue.name))}"
    return "max(rabbitmq_detailed_queue_messages\(selector))"
  }

  /// Messages that all workers together are done with, a second: over the window, or over its last
  /// quarter if that is more. Right after an outage most of the window was spent waiting, and its
  /// rate would make a backlog look far longer than it is.
  var drain: String {
    let (now, whole) = (drain(over: window / 4), drain(over: window))
    // Where the quarter holds too few samples there is no rate of it, and the window's counts.
    return "(\(now) > \(whole)) or \(whole)"
  }

  private func drain(over seconds: Int) -> String {
    "sum(rate(kv_worker_operations_total\(selector)[\(max(1, seconds))s]))"
  }

  private var selector: String { "{job=\(quoted(job))}" }

  /// A string as PromQL reads it.
  private func quoted(_ text: String) -> String {
    let escaped = text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
    return "\"\(escaped)\""
  }
}
