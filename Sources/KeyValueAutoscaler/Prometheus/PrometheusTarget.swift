/// Something that Prometheus has been told to measure.
struct PrometheusTarget: Equatable, Sendable, Decodable {
  /// How the last look at it ended.
  enum Health: String, Sendable, Decodable {
    case up, down
    /// There was no look yet.
    case unknown
  }

  /// Its labels: `job` and `instance` among them.
  let labels: [String: String]
  let health: Health

  var job: String? { labels["job"] }
  var instance: String? { labels["instance"] }
}
