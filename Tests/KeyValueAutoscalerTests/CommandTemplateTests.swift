import Testing

@testable import KeyValueAutoscaler

@Suite("A command template")
struct CommandTemplateTests {
  private func error(_ text: String) -> CommandTemplateError? {
    do throws(CommandTemplateError) {
      _ = try CommandTemplate(text)
      return nil
    } catch {
      return error
    }
  }

  @Test("is split at spaces outside of quotes")
  func words() throws {
    let template = try CommandTemplate(
      #"  a "b c"  'd "e' f"g h"i '' {service}={replicas} "#)
    #expect(template.words == ["a", "b c", #"d "e"#, "fg hi", "", "{service}={replicas}"])
  }

  @Test("is filled in once, and what fills it in stays in its word")
  func filling() throws {
    let template = try CommandTemplate("scale {service} {replicas} {other}={other_replicas}")
    let words = template.filled([
      .service: "{replicas} ; rm", .replicas: "3", .other: "b", .otherReplicas: "2",
    ])
    #expect(words == ["scale", "{replicas} ; rm", "3", "b=2"])
  }

  @Test("leaves braces of others alone")
  func braces() throws {
    let template = try CommandTemplate("x --format '{{.Name}}' {service}{replicas}")
    #expect(template.filled([.service: "a", .replicas: "1"])[2] == "{{.Name}}")
  }

  @Test("that can't work is refused")
  func refusals() {
    #expect(error("  ") == .empty)
    #expect(error("a 'b {service} {replicas}") == .openQuote)
    #expect(error("a {service} {count} {replicas}") == .unknownPlaceholder("count"))
    #expect(error("a {service}") == .missingPlaceholder("replicas"))
    #expect(error("a {replicas}") == .missingPlaceholder("service"))
  }

  @Test("Every preset is one", arguments: CommandPreset.allCases)
  func presets(_ preset: CommandPreset) {
    #expect(error(preset.text) == nil)
  }

  @Test("Compose gets both numbers, because it would reset the other service")
  func compose() throws {
    let words = try CommandTemplate(CommandPreset.compose.text).filled([
      .service: "kv-worker", .replicas: "5", .other: "kv-api", .otherReplicas: "3",
    ])
    #expect(
      words.joined(separator: " ")
        == "docker compose up -d --no-deps --no-recreate --no-build --scale kv-worker=5 "
        + "--scale kv-api=3 kv-worker kv-api")
  }
}
