package import EventLoop
package import Logging
package import ServiceLifecycle
internal import UnixSignals

/// How the services of a process run, and how they end.
package enum Lifecycle {
  private static let signals: [UnixSignal] = [.sigterm, .sigint]

  /// Runs services until the process is asked to stop. The last of them is shut down first: each
  /// ends before what it needs.
  package static func run(_ services: [any Service], logger: Logger) async throws {
    try await ServiceGroup(
      services: services, gracefulShutdownSignals: signals, logger: quiet(logger)
    ).run()
  }

  /// Runs one service until it ends by itself, or the process is asked to stop.
  package static func run(untilEndOf service: any Service, logger: Logger) async throws {
    var configuration = ServiceGroupConfiguration(
      services: [.init(service: service, successTerminationBehavior: .gracefullyShutdownGroup)],
      gracefulShutdownSignals: signals, logger: quiet(logger))
    configuration.cancellationSignals = []
    try await ServiceGroup(configuration: configuration).run()
  }

  /// At debug, ServiceLifecycle describes each service with all that is in it.
  private static func quiet(_ logger: Logger) -> Logger {
    var logger = logger
    logger.logLevel = max(logger.logLevel, .notice)
    return logger
  }
}

/// Something that runs on a loop until the process has no more use for it.
package struct LoopService: Service {
  private let loop: EventLoop
  private let body: @Sendable () async -> Void

  /// `body` ends when its task is cancelled.
  package init(loop: EventLoop, _ body: @escaping @Sendable () async -> Void) {
    self.loop = loop
    self.body = body
  }

  /// Runs until the shutdown reaches this service: those that need it have ended by then.
  package func run() async throws {
    await cancelWhenGracefulShutdown {
      await withTaskExecutorPreference(loop.executor) { await body() }
      // A service that ends by itself would take the process with it.
      try? await gracefulShutdown()
    }
  }
}

/// Work that is done in rounds: the next round follows at once while there is more to do, and after
/// an interval otherwise.
package struct RoundsService: Service {
  private let interval: Duration
  private let executor: any TaskExecutor
  private let makeRound: @Sendable () -> () async -> Bool

  /// - Parameters:
  ///   - interval: the pause after a round that left nothing to do.
  ///   - executor: where the rounds run.
  ///   - makeRound: makes the round on `executor`, once. The round returns whether there is more
  ///     to do; it has to return soon after its task is cancelled.
  package init(
    every interval: Duration, on executor: any TaskExecutor,
    makeRound: @escaping @Sendable () -> () async -> Bool
  ) {
    self.interval = interval
    self.executor = executor
    self.makeRound = makeRound
  }

  /// Runs until the process is asked to stop.
  package func run() async throws {
    await cancelWhenGracefulShutdown {
      await withTaskExecutorPreference(executor) {
        let round = makeRound()
        while !Task.isCancelled {
          let hasMore = await round()
          if !hasMore { try? await Task.sleep(for: interval) }
        }
      }
    }
  }
}
