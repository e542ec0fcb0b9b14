import Testing
import TestServices

@testable import KeyValueAutoscaler

/// Against a real Prometheus, which also tells whether it understands our expressions.
@Suite("A client of Prometheus", .serialized)
struct PrometheusClientTests {
  private func client(_ url: String, timeout: Duration = .seconds(5)) throws -> PrometheusClient {
    PrometheusClient(try #require(PrometheusAddress(url)), timeout: timeout)
  }

  @Test("gets targets and samples, and waits no longer than it may")
  func answers() async throws {
    let server = try PrometheusServer()
    defer { server.remove() }
    let client = try client(server.url)
    // It answers 503 until it is ready, and has no samples until it has looked twice.
    let count = "sum by (instance) (rate(process_cpu_seconds_total{job=\"prometheus\"}[60s]))"
    let samples = try await retrying { () async throws(PrometheusError) in
      try await client.samples(of: count)
    } until: {
      !$0.isEmpty
    }
    #expect(samples.map(\.labels) == [["instance": "127.0.0.1:\(server.port)"]])
    let value = try #require(samples.first).value
    #expect(value >= 0 && value < 100)
    let targets = try await client.targets()
    #expect(targets.map(\.job) == ["prometheus"])
    #expect(targets.map(\.health) == [.up])

    try await understands(client)
    try await refuses(client)
    server.pause()
    defer { server.resume() }
    let impatient = try self.client(server.url, timeout: .seconds(1))
    await #expect(throws: PrometheusError.timedOut) { try await impatient.targets() }
  }

  private func understands(_ client: PrometheusClient) async throws {
    let queries = ServiceQueries(
      job: #"a "job" \ + 1"#, window: 60, queue: (name: "kv.writes", job: "rabbitmq-queues"))
    for expression in [
      queries.cpu, queries.requests, queries.inFlight, queries.latency, queries.depth,
      queries.drain,
    ] {
      #expect(try await client.samples(of: expression).isEmpty, "\(expression)")
    }
    // A plus is a plus.
    #expect(try await client.samples(of: "vector(1+1)").map(\.value) == [2])
  }

  private func refuses(_ client: PrometheusClient) async throws {
    await #expect {
      try await client.samples(of: "sum(")
    } throws: { error in
      guard case .refused(400, let text)? = error as? PrometheusError else { return false }
      return text.contains("parse error")
    }
    await #expect(throws: PrometheusError.malformed("a scalar where a vector was asked for")) {
      try await client.samples(of: "1")
    }
  }

  @Test("says that nobody is there")
  func absence() async throws {
    let client = try client("http://127.0.0.1:\(try Ports.free())")
    await #expect {
      try await client.targets()
    } throws: { error in
      guard case .unreachable? = error as? PrometheusError else { return false }
      return true
    }
  }

  /// Asks again until Prometheus is ready and the answer is the one that is waited for.
  private func retrying<Result>(
    _ question: () async throws(PrometheusError) -> Result, until isFinal: (Result) -> Bool
  ) async throws -> Result {
    let end = ContinuousClock.now + .seconds(30)
    while true {
      do throws(PrometheusError) {
        let result = try await question()
        if isFinal(result) || ContinuousClock.now > end { return result }
      } catch {
        guard case .refused(503, _) = error, ContinuousClock.now < end else { throw error }
      }
      Polling.pause()
    }
  }
}
