package import EventLoop
internal import Foundation

/// Where spans go, and which requests are recorded.
package struct TelemetryConfiguration: Sendable {
  /// Takes them.
  package var collector: CollectorAddress

  /// The share of requests that are recorded, of those whose sender has not decided: 0 to 1.
  package var sampledShare = 0.01

  /// The spans that wait for the collector, at most; later ones are dropped.
  package var spansMax = 8_192

  /// The spans in one request to the collector, at most.
  package var batchSpansMax = 256

  /// How long a batch waits until it is full.
  package var interval: Duration = .milliseconds(500)

  /// How long the collector may take to answer.
  package var deadline: Duration = .seconds(3)

  /// The first and the longest pause while the collector does not answer.
  package var firstPause: Duration = .seconds(1)
  package var longestPause: Duration = .seconds(30)

  /// The defaults, for a collector.
  package init(_ collector: CollectorAddress) { self.collector = collector }
}

/// The address of an OpenTelemetry collector: OTLP over HTTP, as JSON.
package struct CollectorAddress: Equatable, Sendable {
  package let server: SocketAddress
  /// What is posted to.
  let path: String

  /// The port and the path that OTLP/HTTP has by default.
  private static let port = 4318
  private static let path = "/v1/traces"

  /// Reads `http://host:port`, to which the path of OTLP is added, or the URL of the endpoint. Nil:
  /// it is neither.
  package init?(_ text: String) {
    guard let parts = URLComponents(string: text), parts.scheme == "http", parts.user == nil,
      parts.password == nil, parts.query == nil, parts.fragment == nil,
      var host = parts.host, !host.isEmpty, let port = UInt16(exactly: parts.port ?? Self.port),
      port > 0
    else { return nil }
    if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
    server = SocketAddress(host: host, port: port)
    path = ["", "/"].contains(parts.path) ? Self.path : parts.percentEncodedPath
  }
}
