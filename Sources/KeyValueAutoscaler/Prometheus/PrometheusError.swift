/// Why Prometheus did not tell what it was asked for.
enum PrometheusError: Error, Equatable, CustomStringConvertible {
  /// Nobody is there, or the connection broke.
  case unreachable(String)
  /// The answer took too long.
  case timedOut
  /// It answered with an error, and this is its text.
  case refused(status: Int, String)
  /// Its answer is none that a Prometheus gives.
  case malformed(String)

  /// For the log.
  var description: String {
    switch self {
    case .unreachable(let why): "Prometheus can't be reached: \(why)"
    case .timedOut: "Prometheus did not answer in time"
    case .refused(let status, let why): "Prometheus refused, with status \(status): \(why)"
    case .malformed(let why): "this is no answer of a Prometheus: \(why)"
    }
  }
}
