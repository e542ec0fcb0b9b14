public import EventLoop
public import Logging

/// Accepts and serves connections on one event loop.
///
/// Start it with `withTaskExecutorPreference(server.loop.executor) { await server.run(listener) }`.
public actor HTTPServer {
  public nonisolated let loop: EventLoop
  private let context: HTTPContext
  private nonisolated let state: HTTPServerState
  private let logger: Logger
  private var listener: Socket?
  private var connections: [ObjectIdentifier: (connection: HTTPConnection, socket: Socket)] = [:]
  /// The connections that were open when draining began, and the callers that wait for their end.
  private var drainingConnections: Set<ObjectIdentifier> = []
  private var drainWaiters: [CheckedContinuation<Void, Never>] = []

  /// When the warning that no descriptor is left was logged last.
  private var exhaustionLoggedAt: ContinuousClock.Instant?

  /// How many connections are being refused with a 503.
  private var refusals = 0
  /// The most refusals at a time; further connections are closed without an answer.
  private static let refusalsMax = 64

  public nonisolated var unownedExecutor: UnownedSerialExecutor { loop.unownedExecutor }

  /// Makes a server. `handler` and `observer` belong to its loop from then on.
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

  /// Serves until `leave()` or `abort()` has been called and the last connection has ended.
  public func run(_ listener: Listener) async {
    let socket = Socket(adopting: listener, on: loop)
    self.listener = socket
    await withTaskGroup { group in
      group.addTask { await self.runHandler() }
      await serveConnections(of: socket)
      group.cancelAll()
    }
  }

  private func serveConnections(of socket: Socket) async {
    await withDiscardingTaskGroup { group in
      await accept(from: socket, into: &group)
      socket.close()
      self.listener = nil
    }
  }

  private func runHandler() async { await context.handler.run() }

  /// Begins to drain: every connection is closed after its next answer. New connections are still
  /// accepted, so that a readiness probe is answered with 503 and not refused.
  public func drain() {
    context.state.startDraining()
    drainingConnections = Set(connections.keys)
  }

  /// Ends streamed answers, and the connections that wait for a request. Call it a moment after
  /// `drain()`: a client that is just sending a request could not know whether the server has read
  /// it (RFC 9112 §9.5).
  public func endIdleConnections() {
    for (connection, _) in connections.values { connection.endIfIdle() }
  }

  /// Whether any server of the process has a connection open. Any thread may ask.
  public nonisolated var hasConnections: Bool { state.connectionsOpen > 0 }

  /// Waits until the connections that were open at `drain()` have ended.
  public func drained() async {
    if drainingConnections.isEmpty { return }
    await withCheckedContinuation { drainWaiters.append($0) }
  }

  /// Stops accepting; requests that have arrived are still answered. Call it only after all servers
  /// have drained: until then the kernel may queue a connection at any of their listeners, and
  /// resets those that wait at a listener when it closes.
  public func leave() {
    context.isLeaving = true
    listener?.interrupt()
    endIdleConnections()
  }

  /// Closes every connection at once.
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
  /// The pause before the next try when no descriptor is left.
  private static let exhaustedPause = Duration.milliseconds(100)
  /// The shortest time between two warnings: the state lasts, and there are ten tries a second.
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
    // A child task inherits the preference for the loop, so it runs there from its first step on.
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

  /// Answers a connection above the limit with 503 and gives it a moment to read the answer.
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

/// The limits of a server and its connections.
public struct HTTPConfiguration: Sendable {
  public var limits = HTTPLimits()
  /// The most connections on all loops together. A further one is answered with 503 and closed.
  public var connectionsMax = 10_000
  /// The most bytes of request bodies in memory, on all loops together; only bytes that have
  /// arrived count. A body that does not fit is answered with 503. Bodies above 64 KiB leave a
  /// quarter of the room to smaller ones.
  public var bodyBytesMax = 256 << 20
  /// The most bytes of answers in memory, on all loops together. When they are reached, the
  /// connection of a client that is slow to read its answer is closed.
  public var answerBytesMax = 256 << 20
  /// The time from the first byte of a head to its last. A slower head is answered with 408.
  public var headTimeout = Duration.seconds(10)
  /// The time in which a body must end, or come at `bytesPerSecondMin`. A slower body is answered
  /// with 408.
  public var bodyTimeout = Duration.seconds(10)
  /// The time in which a client must read an answer to its end, or at `bytesPerSecondMin`. The
  /// connection of a slower client is closed.
  public var writeTimeout = Duration.seconds(10)
  /// The slowest transfer that is not broken off.
  public var bytesPerSecondMin = 4 << 10
  /// How long a connection may wait for a request before it is closed.
  public var idleTimeout = Duration.seconds(60)
  /// How long a client may take to read the last answer before the connection is torn down.
  public var lingerTimeout = Duration.seconds(1)
  /// The same after a refusal, whose body may still be on its way.
  public var refusedTimeout = Duration.seconds(10)
  /// How many bytes are read and dropped after the last answer. It is more than a proxy passes on:
  /// the proxy in front accepts bodies of up to 8 MiB.
  public var lingerBytesMax = 16 << 20

  /// The longest body for which room is kept when larger ones find none.
  private static let smallBodyBytesMax = 64 << 10

  public init() {}

  /// How many bytes all bodies together may have if one of `count` bytes is read. Large bodies
  /// leave a quarter of the limit to small ones; a body that is alone may use all of it.
  func bodyBytesMax(for count: Int) -> Int {
    guard count > Self.smallBodyBytesMax else { return bodyBytesMax }
    return max(bodyBytesMax / 4 * 3, min(count, bodyBytesMax))
  }
}

/// Counts what happens on the connections of one loop.
public protocol HTTPObserver {
  func connectionOpened()
  func connectionClosed()
  /// A connection was refused because there were too many.
  func connectionRefused()
  func received(bytes: Int)
  func sent(bytes: Int)
  /// The server refused a request before a handler saw it.
  func refused(_ status: Status)
}
