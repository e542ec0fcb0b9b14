internal import EventLoop
internal import Logging
internal import Service

/// All that an operator decides, checked.
struct Configuration: ProgramConfiguration {
  let listen: SocketAddress
  let backend: PollerBackend
  let drain: Duration
  let logLevel: Logger.Level
  let areCoreDumpsAllowed: Bool
  let prometheus: (address: PrometheusAddress, timeout: Duration)
  let interval: Duration
  /// Both services, kv-api first.
  let watched: [(service: ScaledService, queries: ServiceQueries)]
  /// Fewer writes are no backlog.
  let backlogWritesMin: Int
  /// Sets the number of replicas; nil: nothing does, in a dry run.
  let command: CommandTemplate?
  let commandTimeout: Duration
  /// The variables that the command gets.
  let commandEnvironment: [String: String]
  let warnings: [String]

  /// Reads the settings; the error names all that are wrong.
  /// - Parameter isDryRun: whether no command is needed.
  init(
    environment: [String: String], isDryRun: Bool, readFile: @escaping SettingsReader.FileReader
  ) throws(ConfigurationError) {
    var reader = SettingsReader(environment, readFile: readFile)
    listen = reader.value(of: Settings.listen)
    backend = reader.value(of: CommonSettings.backend)
    drain = reader.value(of: CommonSettings.drain)
    logLevel = reader.value(of: CommonSettings.logLevel)
    areCoreDumpsAllowed = reader.value(of: CommonSettings.areCoreDumpsAllowed)
    prometheus = Self.prometheus(&reader)
    interval = reader.value(of: Settings.interval)
    let queue = (
      name: reader.value(of: Settings.queue), job: reader.value(of: Settings.queueJob)
    )
    let window = Int(reader.value(of: Settings.window).components.seconds)
    let pace = Self.pace(&reader)
    var watched: [(ScaledService, ServiceQueries)] = []
    for settings in [ServiceSettings.api, .worker] {
      let service = Self.service(settings, pace, &reader)
      watched.append((service, ServiceQueries(job: service.job, window: window, queue: queue)))
    }
    self.watched = watched
    backlogWritesMin = reader.value(of: ServiceSettings.backlogWritesMin)
    command = Self.command(&reader, isDryRun: isDryRun)
    commandTimeout = reader.value(of: Settings.commandTimeout)
    commandEnvironment = Self.commandEnvironment(environment)
    warnings = Self.warnings(environment) + Self.warnings(of: prometheus.address)
    guard reader.problems.isEmpty else {
      throw ConfigurationError(reader.problems, of: "kv-autoscaler")
    }
  }

  /// Without this program's settings: a command that reads KV_… settings, as scripts/cluster does,
  /// must not take these for its own.
  private static func commandEnvironment(_ environment: [String: String]) -> [String: String] {
    let own = Set(Settings.all.flatMap { [$0.name, "\($0.name)_FILE"] })
    return environment.filter { !own.contains($0.key) }
  }

  /// Warnings of misspelt names. Settings of other programs are allowed: commands may need them.
  private static func warnings(_ environment: [String: String]) -> [String] {
    let own = environment.filter { $0.key.hasPrefix("KV_AUTOSCALER_") }
    return SettingsReader(own, readFile: { _ in nil }).warnings(knowing: Settings.all)
  }

  /// A warning of a secret that is sent to another machine without encryption.
  private static func warnings(of address: PrometheusAddress) -> [String] {
    guard let host = address.untrustedHost, !SocketAddress(host: host, port: 0).isLoopback else {
      return []
    }
    return ["KV_AUTOSCALER_PROMETHEUS_URL: the token or password goes to \(host) in the clear"]
  }

  private static func prometheus(
    _ reader: inout SettingsReader
  ) -> (address: PrometheusAddress, timeout: Duration) {
    let address = reader.value(of: Settings.prometheus)
    let token = reader.value(of: Settings.token)
    let timeout = reader.value(of: Settings.timeout)
    guard !token.isEmpty else { return (address, timeout) }
    if address.authorization != nil {
      reader.report(
        Settings.token.description,
        "KV_AUTOSCALER_PROMETHEUS_URL has a user and a password: unset one of them")
    }
    return (address.authorized(token: token), timeout)
  }

  /// All limits but the numbers of replicas.
  private static func pace(_ reader: inout SettingsReader) -> ScalingLimits {
    let up = ScalingLimits.Step(
      replicas: reader.value(of: Settings.upReplicas),
      percent: reader.value(of: Settings.upPercent), period: reader.value(of: Settings.upPeriod))
    let down = ScalingLimits.Step(
      replicas: reader.value(of: Settings.downReplicas),
      percent: reader.value(of: Settings.downPercent),
      period: reader.value(of: Settings.downPeriod))
    return ScalingLimits(
      replicas: 1...1, tolerance: Double(reader.value(of: Settings.tolerance)) / 100,
      stabilization: reader.value(of: Settings.stabilization), up: up, down: down,
      settling: reader.value(of: Settings.settling))
  }

  private static func service(
    _ settings: ServiceSettings, _ pace: ScalingLimits, _ reader: inout SettingsReader
  ) -> ScaledService {
    let least = reader.value(of: settings.least)
    let most = reader.value(of: settings.most)
    if most < least {
      reader.report(settings.most.description, "at least \(settings.least.description.name)")
    }
    var limits = pace
    limits.replicas = least...max(least, most)
    var targets: [ScalingMetric: Double] = [:]
    for target in settings.targets {
      let value = reader.value(of: target.setting)
      if value > 0 { targets[target.metric] = Double(value) / target.parts }
    }
    return ScaledService(
      kind: settings.kind, name: reader.value(of: settings.name),
      job: reader.value(of: settings.job), policy: ScalingPolicy(limits: limits), targets: targets)
  }

  private static func command(
    _ reader: inout SettingsReader, isDryRun: Bool
  ) -> CommandTemplate? {
    let preset = reader.value(of: Settings.preset)
    let own = reader.value(of: Settings.command)
    if preset != nil, !own.isEmpty {
      reader.report(
        Settings.command.description, "KV_AUTOSCALER_PRESET is set too: unset one of them")
    }
    let text = own.isEmpty ? preset?.text : own
    guard let text else {
      if !isDryRun {
        reader.report(
          Settings.preset.description,
          "say how to change the number of replicas: set this or KV_AUTOSCALER_COMMAND, or use "
            + "--dry-run")
      }
      return nil
    }
    do throws(CommandTemplateError) {
      return try CommandTemplate(text)
    } catch {
      reader.report(Settings.command.description, "\(error)")
      return nil
    }
  }
}
