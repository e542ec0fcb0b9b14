internal import Foundation
#if canImport(FoundationNetworking)
  internal import FoundationNetworking
#endif

/// Asks a Prometheus, or anything that speaks its HTTP API. Every question has one time limit.
struct PrometheusClient: Sendable {
  private let base: URL
  private let authorization: String?
  private let timeout: Duration
  private let session: URLSession

  /// A client of the Prometheus at an address. Connects to nothing yet.
  init(_ address: PrometheusAddress, timeout: Duration) {
    base = address.url
    authorization = address.authorization
    self.timeout = timeout
    let configuration = URLSessionConfiguration.ephemeral
    let seconds = Double(timeout.components.seconds)
    configuration.timeoutIntervalForRequest = seconds
    configuration.timeoutIntervalForResource = seconds
    configuration.httpCookieStorage = nil
    configuration.urlCache = nil
    session = URLSession(configuration: configuration)
  }

  /// The value of an expression now: none, one or several samples.
  func samples(of expression: String) async throws(PrometheusError) -> [PrometheusSample] {
    try PrometheusAnswer.samples(in: await body(of: "api/v1/query", ["query": expression]))
  }

  /// All that it measures.
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
      URLQueryItem(name: name, value: Self.escaped(value))
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

  /// All but the unreserved characters of RFC 3986 §2.3 as percent escapes.
  private static func escaped(_ text: String) -> String {
    text.utf8.map { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        String(UnicodeScalar(byte))
      default: (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
      }
    }.joined()
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
