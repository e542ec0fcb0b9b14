import Foundation
import Testing

@testable import KeyValueAutoscaler

/// What the folder `autoscaler` says has to be what the program does.
@Suite("The documents of the autoscaler")
struct DocumentTests {
  private func text(_ name: String) throws -> String {
    let root = URL(filePath: #filePath).appending(path: "../../..").standardizedFileURL
    return try String(contentsOf: root.appending(path: "autoscaler/\(name)"), encoding: .utf8)
  }

  private func service(_ kind: ScaledService.Kind) throws -> ScaledService {
    let configuration = try Configuration(
      environment: [:], isDryRun: true, readFile: { _ in nil })
    return try #require(configuration.watched.first { $0.service.kind == kind }).service
  }

  @Test("name every preset with its command")
  func presets() throws {
    let readme = try text("README.md")
    for preset in CommandPreset.allCases {
      #expect(readme.contains("| `\(preset.rawValue)` | `\(preset.text)` |"))
    }
  }

  @Test("give KEDA the same targets", arguments: ScaledService.Kind.allCases)
  func keda(_ kind: ScaledService.Kind) throws {
    let parts = try text("kubernetes/keda.yaml").components(separatedBy: "\n---\n")
    let part = try #require(parts.first { $0.contains("\n  name: \(kind.rawValue)\n") })
    let thresholds = part.matches(of: /threshold: "([0-9.]+)"/).compactMap { Double($0.1) }
    #expect(thresholds.sorted() == (try service(kind)).targets.values.sorted())
    try expectPace(of: part, kind)
    #expect(part.contains("maxReplicaCount: 10") && part.contains("minReplicaCount: 2"))
  }

  @Test(
    "give the Horizontal Pod Autoscaler the same targets", arguments: ScaledService.Kind.allCases)
  func horizontal(_ kind: ScaledService.Kind) throws {
    let parts = try text("kubernetes/hpa.yaml").components(separatedBy: "\n---\n")
    let part = try #require(parts.first { $0.contains("\n  name: \(kind.rawValue)\n") })
    // 250m is 0.25.
    let targets = part.matches(of: /[vV]alue: "?([0-9]+)(m?)"? }\n/).compactMap { match in
      Double(match.1).map { match.2.isEmpty ? $0 : $0 / 1_000 }
    }
    #expect(targets.sorted() == (try service(kind)).targets.values.sorted())
    try expectPace(of: part, kind)
    #expect(part.contains("maxReplicas: 10") && part.contains("minReplicas: 2"))
  }

  private func expectPace(of manifest: String, _ kind: ScaledService.Kind) throws {
    let limits = try service(kind).policy.limits
    #expect(limits.replicas == 2...10)
    #expect(
      manifest.contains(
        "stabilizationWindowSeconds: \(limits.stabilization.components.seconds)\n"))
    for step in [limits.up, limits.down] {
      let seconds = step.period.components.seconds
      #expect(
        manifest.contains("{ type: Pods, value: \(step.replicas), periodSeconds: \(seconds) }"))
      #expect(
        manifest.contains("{ type: Percent, value: \(step.percent), periodSeconds: \(seconds) }"))
    }
  }
}
