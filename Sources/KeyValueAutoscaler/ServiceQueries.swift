/// The expressions that measure a service (PromQL).
struct ServiceQueries: Equatable, Sendable {
  /// The job of the service's targets.
  let job: String
  /// Rates are taken over the last so many seconds.
  let window: Int
  /// The name of the workers' queue, and the job of RabbitMQ's metrics by queue.
  let queue: (name: String, job: String)

  static func == (left: ServiceQueries, right: ServiceQueries) -> Bool {
    left.job == right.job && left.window == right.window && left.queue == right.queue
  }

  /// Cores in use, by replica.
  var cpu: String { "sum by (instance) (rate(process_cpu_seconds_total\(selector)[\(window)s]))" }

  /// Requests a second, by replica. The histogram's count exists before the first request;
  /// kv_http_requests_total does not.
  var requests: String {
    "sum by (instance) (rate(kv_http_request_duration_seconds_count\(selector)[\(window)s]))"
  }

  /// Requests in flight, by replica. A scrape sees a single moment, so this is the average of
  /// several.
  var inFlight: String {
    "sum by (instance) (avg_over_time(kv_http_requests_in_flight\(selector)[\(window)s]))"
  }

  /// Seconds, over all replicas. Without requests the quantile is NaN, and no comparison holds for
  /// NaN: then the result is 0 if the count of requests exists, and empty if it does not.
  var latency: String {
    let routes = #"route=~"/kv.*|/batch|/operations/.*""#
    let selector = #"{job=\#(quoted(job)),\#(routes)}[\#(window)s]"#
    let quantile =
      "histogram_quantile(0.95, sum by (le) "
      + "(rate(kv_http_request_duration_seconds_bucket\(selector))))"
    let none = "0 * sum(rate(kv_http_request_duration_seconds_count\(selector)))"
    return "(\(quantile) >= 0) or (\(none))"
  }

  /// Writes that are ready or delivered and not acknowledged: messages, by the writes that each
  /// carries. Every node of RabbitMQ may report the queue. A worker that has started just now says
  /// 1, and one of release 0.3, whose messages carry 1, says nothing.
  var depth: String {
    let place = "{job=\(quoted(queue.job)),queue=\(quoted(queue.name))}"
    let messageWrites = "(max(kv_worker_message_writes\(selector)) or vector(1))"
    return "max(rabbitmq_detailed_queue_messages\(place)) * \(messageWrites)"
  }

  /// Writes that all workers together finish in a second: over the window, or over its last
  /// quarter if that is more. Right after an outage the workers have waited for most of the window,
  /// and its rate would make a backlog look far longer than it is.
  var drain: String {
    let (now, whole) = (drain(over: window / 4), drain(over: window))
    // If the quarter holds too few samples for a rate, the rate of the whole window is used.
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
