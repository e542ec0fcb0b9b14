import EventLoop
import HTTP
import ServiceLifecycle

/// Runs the servers of all loops as one service, and has them leave together.
struct HTTPService: Service {
  let servers: [HTTPServer]
  let listeners: [Listener]
  /// How long requests in flight may take to finish once the process is told to leave.
  let drainTime: Duration

  func run() async throws {
    try await withThrowingTaskGroup { group in
      group.addTask { await serve() }
      group.addTask { try await leaveWhenTold() }
      // Either all servers have drained, or time was up and they were aborted.
      try await group.next()
      group.cancelAll()
    }
  }

  private func serve() async {
    await withDiscardingTaskGroup { group in
      for (server, listener) in zip(servers, listeners) {
        group.addTask(executorPreference: server.loop.executor) { await server.run(listener) }
      }
    }
  }

  private func leaveWhenTold() async throws {
    do {
      try await gracefulShutdown()
      for server in servers { await server.drain() }
      try await Task.sleep(for: drainTime)
    } catch {
      // Cancelled: by `run` when everything has drained, or from outside, which means at once.
    }
    for server in servers { await server.abort() }
  }
}
