internal import Basics
internal import Foundation
#if canImport(FoundationNetworking)
  internal import FoundationNetworking
#endif

/// A client of the HTTP API of Prometheus, or of a program that speaks it. Each request has the
/// same time limit.
struct PrometheusClient: Sendable {
  private let base: URL
  private let authorization: String?
  private let timeout: Duration
  private let session: URLSession

  /// Connects to nothing yet.
  init(_ address: PrometheusAddress, timeout: Duration) {
    base = address.url
    authorization = address.authorization
    self.timeout = timeout
    let configuration = URLSessionConfiguration.ephemeral
    let seconds = timeout.seconds
    configuration.timeoutIntervalForRequest = seconds
    configuration.timeoutIntervalForResource = seconds
    configuration.httpCookieStorage = nil
    configuration.urlCache = nil
    session = URLSession(configuration: configuration)
  }

  /// The value of an expression now: any number of samples.
  func samples(of expression: String) async throws(PrometheusError) -> [PrometheusSample] {
    try PrometheusAnswer.samples(in: await body(of: "api/v1/query", ["query": expression]))
  }

  /// All active targets.
  func targets() async throws(PrometheusError) -> [PrometheusTarget] {
    try PrometheusAnswer.targets(in: await body(of: "api/v1/targets", ["state": "active"]))
  }

  private func body(
    of path: String, _ parameters: [String: String]
  ) async throws(PrometheusError) -> Data {
    let (body, status) = try await exchange(request(path, parameters))
    guard status == 200 else {
      let text = PrometheusAnswer.problem(in: body) ?? "it says nothing more"
      throw .refused(status: status, String(text.prefix(200)))
    }
    return body
  }

  private func request(_ path: String, _ parameters: [String: String]) -> URLRequest {
    // Prometheus reads + as a space, which URLQueryItem would leave as it is.
    let query = parameters.map { name, value in
      var escaped: [UInt8] = []
      escaped.append(percentEncoding: value.utf8)
      return URLQueryItem(name: name, value: String(decoding: escaped, as: UTF8.self))
    }
    var url = base.appending(path: path)
    if var parts = URLComponents(url: url, resolvingAgainstBaseURL: false) {
      parts.percentEncodedQueryItems = query
      url = parts.url ?? url
    }
    var request = URLRequest(url: url)
    request.setValue("application/json", forHTTPHeaderField: "Accept")
    if let authorization { request.setValue(authorization, forHTTPHeaderField: "Authorization") }
    return request
  }

  private func exchange(_ request: URLRequest) async throws(PrometheusError) -> (Data, Int) {
    do {
      let (body, response) = try await session.data(for: request)
      guard let response = response as? HTTPURLResponse else {
        throw PrometheusError.malformed("no status")
      }
      return (body, response.statusCode)
    } catch let error as PrometheusError {
      throw error
    } catch let error as URLError where error.code == .timedOut {
      throw .timedOut
    } catch {
      throw .unreachable(error.localizedDescription)
    }
  }
}

/// Where Prometheus is, and how to authenticate there.
struct PrometheusAddress: Equatable, Sendable {
  /// The prefix of the API's paths, without user and password.
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

  /// Reads `http://host:port/prefix` or `https://user:password@host/`; nil: it is neither.
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

  /// The host that a secret is sent to without encryption; nil: none.
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

/// Why a request to Prometheus failed.
enum PrometheusError: Error, Equatable, CustomStringConvertible {
  /// There is no connection, or it broke.
  case unreachable(String)
  /// The answer took too long.
  case timedOut
  /// It answered with an error; this is its text.
  case refused(status: Int, String)
  /// Its answer is not in the form of the API.
  case malformed(String)

  var description: String {
    switch self {
    case .unreachable(let why): "Prometheus can't be reached: \(why)"
    case .timedOut: "Prometheus did not answer in time"
    case .refused(let status, let why): "Prometheus refused, with status \(status): \(why)"
    case .malformed(let why): "this is no answer of a Prometheus: \(why)"
    }
  }
}
