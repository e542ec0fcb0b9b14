import HTTP
import Observability
import Testing

@testable import KeyValueAutoscaler
@testable import Service

@Suite("The metrics of the autoscaler")
struct AutoscalerMetricsTests {
  private let registry = MetricsRegistry()
  private let metrics: AutoscalerMetrics

  init() {
    let service = ScaledService(
      kind: .api, name: "kv-api", job: "kv-api",
      policy: ScalingPolicy(limits: .loose.with { $0.replicas = 2...5 }), targets: [.cpu: 100])
    metrics = AutoscalerMetrics([service], registry: registry, isDryRun: false)
  }

  private func decide(_ observation: ScalingObservation) {
    let policy = ScalingPolicy(limits: .loose.with { $0.replicas = 2...5 })
    metrics.decided(policy.decide(observation, history: ScalingHistory()), on: .api)
    metrics.roundEnded()
  }

  private func has(_ line: String) -> Bool {
    String(decoding: registry.text(), as: UTF8.self).split(separator: "\n").contains(line[...])
  }

  private var isHealthy: Bool { metrics.health.allSatisfy { $0.isHealthy } }

  @Test("tell the last decision, its metrics and its reasons")
  func decision() {
    decide(.seen(4, .cpu(200, of: 4), .missing(.latency)))
    #expect(has(#"kv_autoscaler_replicas{service="kv-api"} 4"#))
    #expect(has(#"kv_autoscaler_desired_replicas{service="kv-api"} 5"#))
    #expect(has(#"kv_autoscaler_max_replicas{service="kv-api"} 5"#))
    #expect(has(#"kv_autoscaler_metric_value{metric="cpu",service="kv-api"} 200"#))
    #expect(has(#"kv_autoscaler_metric_target{metric="cpu",service="kv-api"} 100"#))
    #expect(has(#"kv_autoscaler_metric_replicas{metric="cpu",service="kv-api"} 8"#))
    #expect(has(#"kv_autoscaler_metric_missing{metric="cpu",service="kv-api"} 0"#))
    #expect(has(#"kv_autoscaler_metric_missing{metric="latency",service="kv-api"} 1"#))
    #expect(has(#"kv_autoscaler_reason{reason="maximum",service="kv-api"} 1"#))
    #expect(has(#"kv_autoscaler_reason{reason="minimum",service="kv-api"} 0"#))
    #expect(has(#"kv_autoscaler_decisions_total{direction="up",service="kv-api"} 1"#))
  }

  @Test("leave out what is not known, instead of saying 0")
  func unknown() {
    decide(ScalingObservation(at: .zero, replicas: .unknown("away"), readings: []))
    let text = String(decoding: registry.text(), as: UTF8.self)
    #expect(!text.contains("kv_autoscaler_replicas{"))
    #expect(!text.contains("kv_autoscaler_desired_replicas{"))
    #expect(has(#"kv_autoscaler_decisions_total{direction="unknown",service="kv-api"} 1"#))
    #expect(metrics.health.first { $0.name == "prometheus" }?.isHealthy == false)
  }

  @Test("count commands by how they ended")
  func commands() {
    #expect(!metrics.hasDecided)
    decide(.seen(4, .cpu(100, of: 4)))
    #expect(metrics.hasDecided)
    #expect(isHealthy)
    metrics.acted(.failed("exited(1)", errors: "no"), on: .api, duration: .seconds(1))
    #expect(has(#"kv_autoscaler_commands_total{result="failed",service="kv-api"} 1"#))
    #expect(metrics.health.first { $0.name == "commands" }?.isHealthy == false)
    metrics.acted(.succeeded, on: .api, duration: .seconds(1))
    #expect(isHealthy)
  }

  @Test("have Prometheus' own names, each of them once in the catalogue")
  func conventions() {
    let all = MetricsCatalogue.autoscaler
    #expect(Set(all.map(\.name)).count == all.count)
    for metric in all {
      #expect(metric.name.hasPrefix("kv_autoscaler_"))
      #expect(metric.name.hasSuffix("_total") == (metric.kind == .counter), "\(metric.name)")
      #expect(metric.help.hasSuffix("."), "\(metric.name)")
    }
  }
}
