public import EventLoop
public import Logging

/// Accepts and serves the connections of one event loop.
///
/// Start it with `withTaskExecutorPreference(server.loop.executor) { await server.run(listener) }`.
public actor HTTPServer {
  /// The loop that everything here runs on.
  public nonisolated let loop: EventLoop
  private let context: HTTPContext
  private nonisolated let state: HTTPServerState
  private let logger: Logger
  private var listener: Socket?
  private var connections: [ObjectIdentifier: (connection: HTTPConnection, socket: Socket)] = [:]
  /// Connections that were open when draining began, and who waits for their end.
  private var drainingConnections: Set<ObjectIdentifier> = []
  private var drainWaiters: [CheckedContinuation<Void, Never>] = []

  /// When it was logged last that no descriptor is left.
  private var exhaustionLoggedAt: ContinuousClock.Instant?

  /// Connections that are being told that there are too many.
  private var refusals = 0
  /// Refusals at a time; what comes beyond is closed without a word.
  private static let refusalsMax = 64

  /// The loop's executor: the actor is pinned to it.
  public nonisolated var unownedExecutor: UnownedSerialExecutor { loop.unownedExecutor }

  /// Makes a server; `handler` and `observer` belong to its loop from now on.
  public init(
    loop: EventLoop, configuration: HTTPConfiguration, state: HTTPServerState, logger: Logger,
    handler: sending any HTTPHandler, observer: sending any HTTPObserver
  ) {
    self.loop = loop
    self.logger = logger
    self.state = state
    context = HTTPContext(
      configuration: configuration, state: state, handler: handler, observer: observer)
  }

  /// Serves until the last connection after `leave()`, or `abort()`.
  public func run(_ listener: Listener) async {
    let socket = Socket(adopting: listener, on: loop)
    self.listener = socket
    await withDiscardingTaskGroup { group in
      await accept(from: socket, into: &group)
      socket.close()
      self.listener = nil
    }
  }

  /// Starts to let go of clients: every connection ends with its next answer. New connections are
  /// still accepted, so that whoever asks for readiness is told 503 and not refused.
  public func drain() {
    context.state.startDraining()
    drainingConnections = Set(connections.keys)
  }

  /// Ends the connections that wait for a request. Give those who are just sending one a moment
  /// after `drain()`: they could not tell whether it was read (RFC 9112 §9.5).
  public func endIdleConnections() {
    for (connection, _) in connections.values { connection.endIfIdle() }
  }

  /// Whether any server of the process has a connection open; for any thread.
  public nonisolated var hasConnections: Bool { state.connectionsOpen > 0 }

  /// Waits until the connections that were open at `drain()` have ended.
  public func drained() async {
    if drainingConnections.isEmpty { return }
    await withCheckedContinuation { drainWaiters.append($0) }
  }

  /// Closes the door; what has arrived is still answered. Call it on no server before all of them
  /// have drained: until then the kernel may queue a connection at any of their listeners, and
  /// those that wait at a listener when it closes are reset.
  public func leave() {
    context.isLeaving = true
    listener?.interrupt()
    endIdleConnections()
  }

  /// Closes every connection, whatever it is doing.
  public func abort() {
    context.state.startDraining()
    leave()
    for (_, socket) in connections.values { socket.close() }
    endDrain()
  }

  private func endDrain() {
    drainingConnections = []
    for waiter in drainWaiters { waiter.resume() }
    drainWaiters = []
  }
}

// MARK: - Accepting

extension HTTPServer {
  /// How long to wait when no descriptor is left, before the next try.
  private static let exhaustedPause = Duration.milliseconds(100)
  /// How often that is logged at most: it lasts, and there are ten tries a second.
  private static let exhaustedLogInterval = Duration.seconds(60)

  private func reportExhaustion() {
    let now = ContinuousClock.now
    if let last = exhaustionLoggedAt, now - last < Self.exhaustedLogInterval { return }
    exhaustionLoggedAt = now
    logger.warning("no descriptor is left for a connection; raise the limit on open files")
  }

  private func accept(from socket: Socket, into group: inout DiscardingTaskGroup) async {
    while true {
      switch socket.accept() {
      case .accepted(let descriptor): admit(descriptor, into: &group)
      case .wouldBlock:
        if context.isLeaving { return }
        _ = await socket.readable()
      case .exhausted:
        if context.isLeaving { return }
        reportExhaustion()
        socket.setDeadline(after: Self.exhaustedPause)
        await socket.pause()
      case .failed:
        logger.error("the listening socket failed; no further connection is accepted")
        return
      }
    }
  }

  private func admit(_ descriptor: Int32, into group: inout DiscardingTaskGroup) {
    let connectionsMax = context.configuration.connectionsMax
    // A child task inherits the preference for the loop, so its first step runs there too.
    if context.state.takeConnection(max: connectionsMax) {
      group.addTask { await self.serve(descriptor) }
      return
    }
    context.observer.connectionRefused()
    if refusals < Self.refusalsMax {
      refusals += 1
      group.addTask { await self.refuse(descriptor) }
    } else {
      Socket.discard(descriptor)
    }
  }

  /// A connection too many gets a 503, and a moment to read it.
  private func refuse(_ descriptor: Int32) async {
    let socket = Socket(adopting: descriptor, on: loop)
    let problem = HTTPProblem(.serviceUnavailable, "too many connections are open; try again")
    await HTTPConnection(socket: socket, context: context).refuse(with: problem)
    socket.close()
    refusals -= 1
  }

  private func serve(_ descriptor: Int32) async {
    let socket = Socket(adopting: descriptor, on: loop)
    let connection = HTTPConnection(socket: socket, context: context)
    let key = ObjectIdentifier(connection)
    connections[key] = (connection, socket)
    context.observer.connectionOpened()
    await connection.run()
    socket.close()
    context.observer.connectionClosed()
    context.state.returnConnection()
    connections[key] = nil
    if drainingConnections.remove(key) != nil, drainingConnections.isEmpty { endDrain() }
  }
}
