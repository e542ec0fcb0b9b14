/// Has the number of a service's replicas set.
struct Commander: Sendable {
  let template: CommandTemplate
  let runner: CommandRunner

  /// A service, and how many replicas it is to have; nil: not known.
  typealias Wish = (name: String, replicas: Int?)

  /// Has `service` set; `other` is the service that is to stay at its number.
  func set(_ service: Wish, keeping other: Wish) async -> CommandOutcome {
    guard let replicas = service.replicas else { return .notStarted("no number is known") }
    var values: [CommandTemplate.Placeholder: String] = [
      .service: service.name, .replicas: "\(replicas)", .other: other.name,
    ]
    if template.contains(.otherReplicas) {
      guard let count = other.replicas else {
        return .notStarted("the command wants the number of \(other.name) too: it is not known")
      }
      values[.otherReplicas] = "\(count)"
    }
    return await runner.run(template.filled(values))
  }
}
