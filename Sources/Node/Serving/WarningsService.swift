package import Observability
internal import ServiceLifecycle

/// Logs once a minute what was gathered of warnings that repeat themselves, and at the end.
package struct WarningsService: Service {
  private static let interval = Duration.seconds(60)

  private let warnings: RepeatedWarnings

  package init(_ warnings: RepeatedWarnings) { self.warnings = warnings }

  /// Summarizes until the process is told to leave.
  package func run() async throws {
    await cancelWhenGracefulShutdown {
      while !Task.isCancelled {
        try? await Task.sleep(for: Self.interval)
        warnings.summarize()
      }
    }
  }
}
