internal import Basics
internal import Logging

/// Logs each decision, with everything that it was made from, and each command.
struct DecisionLog {
  let logger: Logger
  /// Whether decisions are logged but not acted on.
  let isDryRun: Bool

  func tell(_ decision: ScalingDecision, of service: ScaledService) {
    var metadata: Logger.Metadata = [
      "service": "\(service.kind.rawValue)",
      "metrics": .dictionary(
        decision.proposals.reduce(into: [:]) { metrics, proposal in
          metrics[proposal.reading.metric.rawValue] = Self.metadata(of: proposal)
        }),
      "reasons": .array(decision.reasons.map { "\($0)" }),
    ]
    metadata["replicas"] = decision.replicas.map { .stringConvertible($0) }
    metadata["desired"] = decision.desired.map { .stringConvertible($0) }
    metadata["recommended"] = decision.recommendation.map { .stringConvertible($0) }
    if isDryRun { metadata["dry_run"] = .stringConvertible(true) }
    guard let replicas = decision.replicas, let desired = decision.desired else {
      return logger.warning("nothing is decided", metadata: metadata)
    }
    guard desired != replicas else { return logger.info("as it should be", metadata: metadata) }
    logger.notice(
      desired > replicas ? "more replicas are needed" : "fewer replicas are needed",
      metadata: metadata)
  }

  /// How a command ended.
  func tell(
    _ outcome: CommandOutcome, of service: ScaledService, replicas: Int, duration: Duration
  ) {
    var metadata: Logger.Metadata = [
      "service": "\(service.kind.rawValue)", "desired": .stringConvertible(replicas),
      "seconds": .stringConvertible(Self.rounded(duration.seconds)),
    ]
    switch outcome {
    case .succeeded: logger.notice("the number of replicas is set", metadata: metadata)
    case .cancelled:
      logger.notice("a command was ended, as this process is leaving", metadata: metadata)
    case .failed(let status, let errors):
      metadata["status"] = "\(status)"
      metadata["stderr"] = "\(errors)"
      logger.error("a command failed; it is tried again if still needed", metadata: metadata)
    case .timedOut(let errors):
      metadata["stderr"] = "\(errors)"
      logger.error("a command took too long and was ended", metadata: metadata)
    case .notStarted(let cause):
      metadata["cause"] = "\(cause)"
      logger.error("a command can't be started", metadata: metadata)
    }
  }

  private static func metadata(
    of proposal: ScalingDecision.Proposal
  ) -> Logger.Metadata.Value {
    var members: Logger.Metadata = ["target": .stringConvertible(proposal.reading.target)]
    members["replicas"] = proposal.replicas.map { .stringConvertible($0) }
    switch proposal.reading.value {
    case .whole(let value): members["value"] = .stringConvertible(rounded(value))
    case .perReplica(let value, let reporting):
      members["value"] = .stringConvertible(rounded(value))
      members["reporting"] = .stringConvertible(reporting)
    case .stalled(let why): members["stalled"] = "\(why)"
    case .missing(let why): members["missing"] = "\(why)"
    }
    return .dictionary(members)
  }

  /// To thousandths: enough to follow a decision.
  private static func rounded(_ value: Double) -> Double { (value * 1_000).rounded() / 1_000 }
}
