internal import Foundation

/// Where Prometheus is, and what it wants to see from whoever asks.
struct PrometheusAddress: Equatable, Sendable {
  /// Without user and password; paths of the API follow it.
  let url: URL
  /// The value of the header field `Authorization`; nil: none. A secret.
  private(set) var authorization: String?

  /// Where Prometheus listens on the same machine.
  static let local: PrometheusAddress = {
    guard let address = PrometheusAddress("http://127.0.0.1:9090") else {
      preconditionFailure("this is an address")
    }
    return address
  }()

  /// Reads `http://host:port/prefix` or `https://user:password@host/`; nil: it is none of these.
  init?(_ text: String) {
    guard var parts = URLComponents(string: text), ["http", "https"].contains(parts.scheme),
      let host = parts.host, !host.isEmpty, parts.query == nil, parts.fragment == nil
    else { return nil }
    let credentials = parts.user.map { "\($0):\(parts.password ?? "")" }
    parts.user = nil
    parts.password = nil
    guard let url = parts.url else { return nil }
    self.url = url
    authorization = credentials.map { "Basic \(Data($0.utf8).base64EncodedString())" }
  }

  /// Who is told a secret without encryption and without proof of being Prometheus; nil: nobody.
  var untrustedHost: String? {
    authorization != nil && url.scheme == "http" ? url.host(percentEncoded: false) : nil
  }

  /// The same, with a bearer token instead of a password.
  func authorized(token: String) -> PrometheusAddress {
    var address = self
    address.authorization = "Bearer \(token)"
    return address
  }
}
