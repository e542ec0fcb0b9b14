internal import ServiceLifecycle
internal import UnixSignals

/// Does at every SIGHUP what the process is to do then, such as to read a file again.
struct ReloadService: Service {
  private let actions: [@Sendable () -> Void]

  /// Nil if there is nothing to do: SIGHUP then ends the process, as is usual.
  init?(_ actions: [@Sendable () -> Void]) {
    if actions.isEmpty { return nil }
    self.actions = actions
  }

  /// Runs until the process is asked to stop.
  func run() async {
    // The sequence also keeps SIGHUP from ending the process.
    for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
      for action in actions { action() }
    }
  }
}
