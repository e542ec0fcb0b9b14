/// Commands for the places where the system usually runs.
enum CommandPreset: String, CaseIterable, Sendable {
  case compose, swarm, kubectl, cluster

  /// The template. It is part of the program, so it is well formed.
  var text: String {
    switch self {
    // `up` would set the other service back to what the file says, so its present number is named
    // as well; neither what they depend on nor what already runs is touched.
    case .compose:
      "docker compose up -d --no-deps --no-recreate --no-build --scale {service}={replicas} "
        + "--scale {other}={other_replicas} {service} {other}"
    case .swarm: "docker service scale --detach {service}={replicas}"
    case .kubectl: "kubectl scale deployment/{service} --replicas={replicas}"
    case .cluster: "scripts/cluster scale {service} {replicas}"
    }
  }
}
