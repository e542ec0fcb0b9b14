import EventLoop
import Foundation
import Testing

@testable import KeyValueAutoscaler
@testable import Service

@Suite("The configuration of the autoscaler")
struct ConfigurationTests {
  private func configuration(
    _ environment: [String: String], isDryRun: Bool = false
  ) throws(ConfigurationError) -> Configuration {
    try Configuration(environment: environment, isDryRun: isDryRun, readFile: { _ in "secret\n" })
  }

  private func problems(_ environment: [String: String]) -> [String: String] {
    do throws(ConfigurationError) {
      _ = try configuration(environment)
      return [:]
    } catch {
      return Dictionary(error.problems.map { ($0.name, $0.advice) }) { first, _ in first }
    }
  }

  @Test("Without settings everything has the default that is documented")
  func defaults() throws {
    let configuration = try configuration(["KV_AUTOSCALER_PRESET": "compose"])
    #expect(configuration.listen == SocketAddress(host: "127.0.0.1", port: 8082))
    #expect(configuration.interval == .seconds(15))
    #expect(configuration.prometheus.timeout == .seconds(5))
    let (api, worker) = (configuration.watched[0], configuration.watched[1])
    #expect(
      api.service.policy.limits
        == ScalingLimits(
          replicas: 2...10, tolerance: 0.1, stabilization: .seconds(300),
          up: .init(replicas: 4, percent: 100, period: .seconds(15)),
          down: .init(replicas: 1, percent: 10, period: .seconds(60)), settling: .seconds(60)))
    #expect(
      api.service.targets == [.cpu: 0.7, .requests: 5_000, .latency: 0.25, .inFlight: 100])
    #expect(worker.service.targets == [.backlog: 30, .cpu: 0.7])
    #expect([api.service.name, worker.service.name] == ["kv-api", "kv-worker"])
    #expect(configuration.warnings.isEmpty)
  }

  @Test("A target of 0 is none")
  func off() throws {
    let configuration = try configuration([
      "KV_AUTOSCALER_PRESET": "swarm", "KV_AUTOSCALER_API_LATENCY": "0",
      "KV_AUTOSCALER_API_CPU": "140", "KV_AUTOSCALER_API_SERVICE": "stack_kv-api",
      "KV_AUTOSCALER_WORKER_MIN": "1", "KV_AUTOSCALER_WORKER_MAX": "1",
    ])
    let api = configuration.watched[0].service
    #expect(api.targets == [.cpu: 1.4, .requests: 5_000, .inFlight: 100])
    #expect(api.name == "stack_kv-api")
    #expect(configuration.watched[1].service.policy.limits.replicas == 1...1)
  }

  @Test("It has to be said how to scale, once, unless nothing is scaled")
  func commands() throws {
    #expect(problems([:]).keys.sorted() == ["KV_AUTOSCALER_PRESET"])
    #expect(try configuration([:], isDryRun: true).command == nil)
    let both = [
      "KV_AUTOSCALER_PRESET": "swarm", "KV_AUTOSCALER_COMMAND": "a {service} {replicas}",
    ]
    #expect(problems(both).keys.sorted() == ["KV_AUTOSCALER_COMMAND"])
    #expect(
      problems(["KV_AUTOSCALER_COMMAND": "a {service}"])
        == ["KV_AUTOSCALER_COMMAND": "it has to contain {replicas}"])
  }

  @Test("What contradicts itself is refused")
  func contradictions() {
    let settings = [
      "KV_AUTOSCALER_PRESET": "swarm", "KV_AUTOSCALER_API_MIN": "5", "KV_AUTOSCALER_API_MAX": "4",
      "KV_AUTOSCALER_PROMETHEUS_URL": "http://a:b@c", "KV_AUTOSCALER_PROMETHEUS_TOKEN": "d",
      "KV_AUTOSCALER_INTERVAL": "0",
    ]
    #expect(
      problems(settings).keys.sorted() == [
        "KV_AUTOSCALER_API_MAX", "KV_AUTOSCALER_INTERVAL", "KV_AUTOSCALER_PROMETHEUS_TOKEN",
      ])
  }

  @Test("Secrets may be in files, and a mistyped name is noticed")
  func secrets() throws {
    let configuration = try configuration([
      "KV_AUTOSCALER_PRESET": "swarm", "KV_AUTOSCALER_PROMETHEUS_TOKEN_FILE": "token",
      "KV_AUTOSCALER_API_MAXX": "4",
    ])
    #expect(configuration.prometheus.address.authorization == "Bearer secret")
    #expect(
      configuration.warnings
        == ["there is no setting KV_AUTOSCALER_API_MAXX; is KV_AUTOSCALER_API_MAX meant?"])
  }

  @Test(
    "A secret that goes to another machine in the clear is warned of",
    arguments: [
      ("http://prometheus:9090", true), ("http://a:b@10.0.0.1/p", true),
      ("https://prometheus", false), ("http://127.0.0.1:9090", false), ("http://[::1]", false),
    ])
  func clearText(_ url: String, _ isWarned: Bool) throws {
    var settings = ["KV_AUTOSCALER_PRESET": "swarm", "KV_AUTOSCALER_PROMETHEUS_URL": url]
    if !url.contains("@") {
      #expect(try configuration(settings).warnings.isEmpty)
      settings["KV_AUTOSCALER_PROMETHEUS_TOKEN"] = "swordfish"
    }
    let warnings = try configuration(settings).warnings
    #expect(warnings.count == (isWarned ? 1 : 0))
    #expect(!"\(warnings)".contains("swordfish"))
  }

  @Test("Commands get every variable but this program's own settings")
  func commandEnvironment() throws {
    let configuration = try configuration([
      "PATH": "/bin", "KV_CACHE_TTL": "60", "KV_LISTEN": ":1", "KV_AUTOSCALER_PRESET": "cluster",
      "KV_AUTOSCALER_PROMETHEUS_TOKEN_FILE": "x",
    ])
    #expect(configuration.commandEnvironment == ["PATH": "/bin", "KV_CACHE_TTL": "60"])
  }

  @Test("The help lists every setting, once, and fits the terminal")
  func help() {
    let names = Settings.all.map(\.name)
    #expect(Set(names).count == names.count)
    let lines = Set(Settings.help.split(separator: "\n").map { $0.prefix { $0 != "(" } })
    for name in names {
      #expect(lines.contains { $0.trimmingCharacters(in: .whitespaces) == name })
    }
    #expect(Settings.help.split(separator: "\n").allSatisfy { $0.count < 80 })
  }
}
