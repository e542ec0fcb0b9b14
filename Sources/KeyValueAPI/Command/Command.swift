internal import ArgumentParser
internal import Embedded
internal import EventLoop
internal import Foundation
internal import HTTP
internal import KeyValueStore
internal import Logging
internal import Node
internal import Observability
internal import Postgres

/// The command line of kv-api: everything else is set by environment variables.
@main
struct Command: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kv-api", abstract: "A key-value store behind a REST API.",
    discussion: Settings.help, version: BuildInformation.version)

  @Flag(name: .customLong("check"), help: "Check the settings, and leave.")
  var isCheck = false

  @Flag(
    name: .customLong("migrate"),
    help: "Bring the tables of the database up to date, as every start does, and leave.")
  var isMigration = false

  func run() async throws {
    let configuration = try readConfiguration()
    if isCheck {
      for warning in configuration.warnings { tell("warning: \(warning)") }
      return print("The settings are fine.")
    }
    if isMigration { return try await migrate(configuration) }
    try await serve(configuration)
  }

  /// Brings the database's tables up to date; waits for a database that is just starting.
  private func migrate(_ configuration: Configuration) async throws {
    guard let cluster = configuration.cluster else {
      tell("KV_DATABASE_URL is not set: only the database of a cluster is migrated by hand.")
      throw ExitStatus.configuration
    }
    let log = LogWriter()
    defer { log.flush() }
    LoggingSystem.bootstrap {
      JSONLogHandler(label: $0, level: configuration.logLevel, writer: log)
    }
    let loop = try EventLoop(name: "kv-loop-0", backend: configuration.backend)
    loop.start()
    defer { loop.stop() }
    do throws(StoreError) {
      let applied = try await PostgresDatabase.migrate(
        cluster.database, loop: loop, within: Self.migrationTime)
      print(applied == 0 ? "The tables are up to date." : "\(applied) migrations were applied.")
    } catch {
      tell("The tables could not be brought up to date: \(error.cause)")
      throw ExitStatus.unavailable
    }
  }

  /// How long `--migrate` waits for the database.
  private static let migrationTime = Duration.seconds(60)

  /// Serves until SIGTERM or SIGINT; says why it can't.
  private func serve(_ configuration: Configuration) async throws {
    let log = LogWriter()
    defer { log.flush() }
    LoggingSystem.bootstrap {
      JSONLogHandler(label: $0, level: configuration.logLevel, writer: log)
    }
    let logger = Logger(label: "kv-api")
    for warning in configuration.warnings { logger.warning("\(warning)") }
    if case .tokens(_, let path) = configuration.access,
      let warning = TokensFile.permissionsWarning(path: path)
    {
      logger.warning("\(warning)")
    }
    do {
      let loops = try (0..<configuration.loops).map {
        try EventLoop(name: "kv-loop-\($0)", backend: configuration.backend)
      }
      let registry = MetricsRegistry()
      let backend = try makeBackend(
        configuration, loops: loops, registry: registry, logger: logger)
      try await Server(
        configuration, backend: backend, loops: loops, registry: registry, logger: logger, log: log
      ).run()
    } catch let error as EmbeddedError {
      tell("\(error)")
      throw ExitStatus.of(error)
    } catch let error as ListenError {
      tell("\(error). Stop what uses the address, or set KV_LISTEN to another one.")
      throw ExitStatus.unavailable
    }
  }

  /// What is behind the stores, as the settings say.
  private func makeBackend(
    _ configuration: Configuration, loops: [EventLoop], registry: MetricsRegistry, logger: Logger
  ) throws -> any Backend {
    if let cluster = configuration.cluster {
      return try ClusterBackend(
        cluster, loops: loops, hasWatchers: true, registry: registry, logger: logger)
    }
    var embedded = EmbeddedConfiguration()
    embedded.dataFolder = configuration.dataFolder
    embedded.cacheBytesMax = configuration.cacheBytes
    return try EmbeddedBackend(embedded)
  }

  /// Reads the settings, makes room for connections, and says all that is wrong.
  private func readConfiguration() throws -> Configuration {
    let readFile = { try? String(contentsOfFile: $0, encoding: .utf8) }
    do throws(ConfigurationError) {
      var configuration = try Configuration(
        environment: ProcessInfo.processInfo.environment,
        cores: ProcessorQuota.cores(
          of: ProcessInfo.processInfo.activeProcessorCount, readFile: readFile),
        readFile: readFile, readTokens: TokensFile.read)
      try configuration.fitConnections(
        room: DescriptorLimit.makeRoom(
          connections: configuration.http.connectionsMax, loops: configuration.loops))
      return configuration
    } catch {
      tell("\(error)")
      throw ExitStatus.configuration
    }
  }

  /// Plain text for a person: there is no log before there is a configuration.
  private func tell(_ text: String) {
    FileHandle.standardError.write(Data((text + "\n").utf8))
  }
}
