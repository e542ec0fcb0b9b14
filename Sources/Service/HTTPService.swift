package import EventLoop
package import HTTP
internal import ServiceLifecycle

/// Runs the servers of all loops as one service, which ends when all of them have ended.
package struct HTTPService: Service {
  package let servers: [HTTPServer]
  package let listeners: [Listener]
  /// How long requests in flight may take to finish when the process is asked to stop.
  package let drainTime: Duration
  private let warmUp: @Sendable () async -> Void

  /// - Parameters:
  ///   - servers: one for each loop.
  ///   - listeners: one for each server.
  ///   - warmUp: runs before connections are accepted. Those that come in the meantime wait in the
  ///     listeners' backlog: a balancer that tries a node which has just started gets an answer,
  ///     not an error. Its task is cancelled when the process is asked to stop.
  package init(
    servers: [HTTPServer], listeners: [Listener], drainTime: Duration,
    warmUp: @escaping @Sendable () async -> Void = {}
  ) {
    self.servers = servers
    self.listeners = listeners
    self.drainTime = drainTime
    self.warmUp = warmUp
  }

  package func run() async {
    await withTaskGroup { group in
      group.addTask { await serve() }
      group.addTask { await leaveWhenTold() }
      // Either all servers have drained, or time was up and they were aborted.
      await group.next()
      group.cancelAll()
    }
  }

  private func serve() async {
    await cancelWhenGracefulShutdown { await warmUp() }
    await withDiscardingTaskGroup { group in
      for (server, listener) in zip(servers, listeners) {
        group.addTask(executorPreference: server.loop.executor) { await server.run(listener) }
      }
    }
  }

  /// Returns when all servers have drained, when the time is up and they were aborted, or when this
  /// task is cancelled.
  private func leaveWhenTold() async {
    try? await gracefulShutdown()
    await withDiscardingTaskGroup { group in
      group.addTask { await drain() }
      group.addTask {
        try? await Task.sleep(for: drainTime)
        for server in servers { await server.abort() }
      }
    }
  }

  private func drain() async {
    for server in servers { await server.drain() }
    await letIdleClientsAsk()
    for server in servers { await server.endIdleConnections() }
    for server in servers { await server.drained() }
    for server in servers { await server.leave() }
  }

  /// A balancer that does not know of the shutdown sends further requests on connections that it
  /// keeps. For a moment they are answered, with `Connection: close`, so that it stops using them.
  private func letIdleClientsAsk() async {
    let end = ContinuousClock.now + min(Self.idleGrace, drainTime / 4)
    while ContinuousClock.now < end, servers.first?.hasConnections == true {
      guard (try? await Task.sleep(for: .milliseconds(10))) != nil else { return }
    }
  }

  /// Longer than a busy keep-alive connection of a balancer waits for its next request.
  private static let idleGrace = Duration.seconds(1)
}
