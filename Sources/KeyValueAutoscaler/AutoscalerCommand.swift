internal import ArgumentParser
internal import EventLoop
internal import Logging
internal import Observability
internal import Service

/// The command line of kv-autoscaler. Everything else is set by environment variables.
@main
struct AutoscalerCommand: Program {
  static let configuration = CommandConfiguration(
    commandName: "kv-autoscaler", abstract: "Scales the services of a key-value store.",
    discussion: Settings.help, version: BuildInformation.version)

  @OptionGroup var common: CommonOptions

  @Flag(name: .customLong("dry-run"), help: "Log decisions, but change nothing.")
  var isDryRun = false

  @Flag(
    name: .customLong("once"),
    help: "Run one round, and leave. Without a history it scales nothing down.")
  var isOnce = false

  func readConfiguration(
    _ environment: [String: String], readFile: @escaping SettingsReader.FileReader
  ) throws(ConfigurationError) -> Configuration {
    try Configuration(environment: environment, isDryRun: isDryRun, readFile: readFile)
  }

  func run(_ configuration: Configuration, logger: Logger, log: LogWriter) async throws {
    let autoscaler = Autoscaler(configuration, isDryRun: isDryRun, logger: logger)
    if isOnce { return try leave(after: try await autoscaler.runOnce()) }
    let loop = try EventLoop(name: "kv-loop-0", backend: configuration.backend)
    try await autoscaler.run(on: loop, log: log)
  }

  /// Tells the outcome of a single round by the exit code, for scripts.
  private func leave(after outcome: Scaler.Outcome?) throws {
    switch outcome {
    case .done, nil: return
    // Prometheus is what does not answer.
    case .blind: throw ExitStatus.unavailable
    case .failed: throw ExitStatus.temporaryFailure
    }
  }
}
