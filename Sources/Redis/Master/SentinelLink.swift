internal import Basics
internal import EventLoop

/// Asks one Sentinel, again and again, which Redis is the master: ten times a second, and at once
/// when the Sentinel announces another one.
actor SentinelLink {
  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.unownedExecutor }

  private let address: HostAndPort
  private let password: String?
  private let question: [UInt8]
  private let report: @Sendable (Result<SentinelAnswer, SentinelFailure>) async -> Void
  /// Carries questions and answers.
  private var connection: RedisConnection?
  /// Carries announcements: a connection that has subscribed can't ask.
  private var subscription: RedisConnection?
  /// The task that waits until the next question is due.
  private var asking: UnsafeContinuation<Void, Never>?
  private var timer: LoopTimer?
  private var attempts = 0

  /// How long an answer may take, and a connection.
  private static let deadline = Duration.milliseconds(200)
  /// How long resolving the Sentinel's name may take.
  private static let resolutionDeadline = Duration.seconds(2)
  /// The time from an answer to the next question.
  private static let interval = Duration.milliseconds(100)
  /// The time from a failure to the next attempt.
  private static let retryPause = Duration.milliseconds(200)

  init(
    _ address: HostAndPort, password: String?, master: String, loop: EventLoop,
    report: @escaping @Sendable (Result<SentinelAnswer, SentinelFailure>) async -> Void
  ) {
    self.address = address
    self.password = password
    self.loop = loop
    self.report = report
    question = CommandBuffer.command(["SENTINEL", "MASTER", master])
  }

  /// Runs until the task is cancelled.
  func run() async {
    timer = LoopTimer(on: loop) { [unowned self] in askNow() }
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.stayConnected() }
      group.addTask { await self.staySubscribed() }
      await group.waitForAll()
    }
    timer = nil
  }

  // MARK: Asking

  private func stayConnected() async {
    while !Task.isCancelled {
      let failure = await connect()
      if Task.isCancelled { break }
      await report(.failure(SentinelFailure(cause: failure.cause)))
      _ = try? await Task.sleep(for: Self.retryPause)
    }
    // A subscription that is made later finds that the task is cancelled.
    subscription?.close()
  }

  /// Uses one connection from its beginning to its end.
  private func connect() async -> RedisConnectionFailure {
    attempts += 1
    guard let address = await resolvedAddress() else { return .broken("the name is unknown") }
    let connection = RedisConnection(on: loop, deadline: Self.deadline)
    self.connection = connection
    if await connection.connect(to: address) {
      await withTaskGroup(of: Void.self) { group in
        group.addTask { await self.readAnswers() }
        group.addTask { await self.ask() }
        await group.waitForAll()
      }
    }
    self.connection = nil
    return connection.failure ?? .closed
  }

  private func resolvedAddress() async -> HostAndPort? {
    await address.resolved(attempt: attempts, within: Self.resolutionDeadline)
  }

  private func readAnswers() async { await connection?.readUntilClosed() }

  private func ask() async {
    guard let connection, await authenticate(on: connection) else { return }
    while !Task.isCancelled, connection.isOpen {
      let askedAt = MonotonicTime.now()
      guard let reply = await connection.call(question) else { return }
      if case .error(let words) = reply { return connection.close(.refused(words)) }
      guard let answer = SentinelAnswer(reply, askedAt: askedAt) else {
        return connection.close(.refused("its answer names no IP address"))
      }
      await report(.success(answer))
      await pause()
    }
    connection.close()
  }

  private func authenticate(on connection: RedisConnection) async -> Bool {
    guard let password else { return true }
    guard let reply = await connection.call("AUTH", password) else { return false }
    guard case .error(let words) = reply else { return true }
    connection.close(.refused(words))
    return false
  }

  /// Waits until the next question is due.
  private func pause() async {
    await withUnsafeContinuation { continuation in
      asking = continuation
      timer?.set(after: Self.interval)
    }
  }

  private func askNow() {
    timer?.cancel()
    asking?.resume()
    asking = nil
  }

  // MARK: Listening

  private func staySubscribed() async {
    while !Task.isCancelled {
      await subscribe()
      _ = try? await Task.sleep(for: Self.retryPause)
    }
  }

  private func subscribe() async {
    guard let address = await resolvedAddress() else { return }
    let subscription = RedisConnection(on: loop, deadline: Self.deadline)
    subscription.messageArrived = { [unowned self] in askNow() }
    self.subscription = subscription
    if await subscription.connect(to: address) {
      await withTaskGroup(of: Void.self) { group in
        group.addTask { await self.readAnnouncements() }
        group.addTask { await self.listen() }
        await group.waitForAll()
      }
    }
    self.subscription = nil
  }

  private func readAnnouncements() async { await subscription?.readUntilClosed() }

  private func listen() async {
    guard let subscription, await authenticate(on: subscription) else { return }
    if Task.isCancelled { return subscription.close() }
    let command = CommandBuffer.command(["SUBSCRIBE", "+switch-master"])
    subscription.send(command + [0], isTerminated: true, .unawaited)
  }
}

/// Why a Sentinel does not say where the master is.
struct SentinelFailure: Error, Equatable, Sendable {
  /// For logs.
  let cause: String
}
