package import EventLoop
internal import ServiceLifecycle

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
