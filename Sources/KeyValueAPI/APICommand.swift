internal import ArgumentParser
internal import Cluster
internal import Embedded
internal import EventLoop
internal import Foundation
internal import HTTP
internal import KeyValueStore
internal import Logging
internal import Observability
internal import Postgres
internal import Service

/// The command line of kv-api. Everything else is set by environment variables.
@main
struct APICommand: Program {
  static let configuration = CommandConfiguration(
    commandName: "kv-api", abstract: "A key-value store behind a REST API.",
    discussion: Settings.help, version: BuildInformation.version)

  @OptionGroup var common: CommonOptions

  @Flag(
    name: .customLong("migrate"),
    help: "Bring the tables of the database up to date, as every start does, and leave.")
  var isMigration = false

  var logsWarnings: Bool { !isMigration }

  /// Reads the settings, and makes room for connections.
  func readConfiguration(
    _ environment: [String: String], readFile: @escaping SettingsReader.FileReader
  ) throws(ConfigurationError) -> Configuration {
    var configuration = try Configuration(
      environment: environment,
      cores: ProcessorQuota.cores(
        of: ProcessInfo.processInfo.activeProcessorCount, readFile: readFile),
      readFile: readFile, readTokens: TokensFile.read)
    try configuration.fitConnections(
      room: DescriptorLimit.makeRoom(
        connections: configuration.http.connectionsMax, loops: configuration.loops))
    return configuration
  }

  func run(_ configuration: Configuration, logger: Logger, log: LogWriter) async throws {
    if isMigration { return try await migrate(configuration) }
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
    } catch let error as AuditFileError {
      tell("KV_AUDIT_FILE names a file that can't be written: \(error)")
      throw ExitStatus.configuration
    }
  }

  /// How long `--migrate` waits for the database.
  private static let migrationTime = Duration.seconds(60)

  /// Brings the database's tables up to date; waits for a database that is just starting.
  private func migrate(_ configuration: Configuration) async throws {
    guard let cluster = configuration.cluster else {
      tell("KV_DATABASE_URL is not set: only the database of a cluster is migrated by hand.")
      throw ExitStatus.configuration
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

  /// The backend that the settings ask for.
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
    return try EmbeddedBackend(embedded, registry: registry)
  }
}

extension ExitStatus {
  /// Why the embedded store can't start: 73 asks for another folder, 74 for a look at the disk.
  static func of(_ error: EmbeddedError) -> ExitCode {
    switch error {
    case .notAFolder, .notWritable, .locked, .foreign, .newerSchema: dataFolder
    case .corrupt, .noSpace, .failed: inputOutput
    }
  }
}
