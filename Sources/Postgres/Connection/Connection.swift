import CPostgres
import EventLoop

/// One connection in pipeline mode, on its loop. Whatever is sent in a turn of the loop leaves in
/// one write, and exchanges are answered in their order.
actor Connection {
  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.unownedExecutor }

  // libpq (§34.18): a PGconn is for one thread at a time. It is the loop's, from here to `close`.
  private let handle: OpaquePointer
  private var socket: Socket?
  private var pending: [Exchange] = []
  private var answered = 0
  private var flushIsDue = false
  private var isBlocked = false
  private var writer: CheckedContinuation<Void, Never>?
  private var timer: LoopTimer?
  private let canceller: Canceller
  private var prepared = PreparedStatements()
  /// Why it can't be used any more; nil while it can.
  private(set) var failure: String?

  /// Whether the server has not answered in time: another connection would not help.
  private(set) var isHung = false

  /// How many exchanges may wait for their answer.
  private static let pendingMax = 256

  /// Takes over a connection that is established, does not block and is in pipeline mode.
  init(adopting handle: sending OpaquePointer, on loop: EventLoop) {
    canceller = Canceller(of: handle)
    self.handle = handle
    self.loop = loop
  }

  /// Whether nobody waits for an answer.
  var isIdle: Bool { pending.count == answered }

  /// Exchanges that wait for their answer.
  var waiting: Int { pending.count - answered }

  // MARK: Life

  /// Reads answers until the connection breaks or its task is cancelled, and then lets it go.
  func run() async {
    guard startWatching() else {
      fail("no descriptor is left to watch a connection")
      return close()
    }
    let timer = LoopTimer(on: loop) { [weak self] in
      guard let self else { return }
      self.assumeIsolated { $0.checkDeadline() }
    }
    self.timer = timer
    await withDiscardingTaskGroup { group in
      group.addTask { await self.writeOn() }
      group.addTask { await self.failWhenCancelled() }
      await read()
      resumeWriter()
      group.cancelAll()
    }
    timer.cancel()
    self.timer = nil
    close()
  }

  private func failWhenCancelled() async {
    while !Task.isCancelled { try? await Task.sleep(for: .seconds(3_600)) }
    fail("this process is closing it")
  }

  private func startWatching() -> Bool {
    socket = try? Socket(watching: PQsocket(handle), on: loop)
    return socket != nil
  }

  /// Gives the connection up; everybody who waits is told that it was lost.
  func fail(_ cause: String) {
    guard failure == nil else { return }
    failure = cause
    let lost = pending[answered...]
    pending = []
    answered = 0
    for exchange in lost {
      exchange.fail(.lost(cause))
      exchange.end()
    }
    socket?.interrupt()
    resumeWriter()
  }

  private func close() {
    socket?.close()
    socket = nil
    // "Should be called even if the server connection attempt fails" (libpq, PQfinish).
    PQfinish(handle)
  }
}

// MARK: - Exchanges

extension Connection {
  /// Sends statements, and a sync behind them, and waits for the answer to all of them.
  func exchange(
    _ statements: [Statement], within duration: Duration
  ) async throws(ExchangeError) -> [ResultSet] {
    // All of it inside: a task that does not prefer the loop's executor may give way to others
    // here, and whoever comes between sending and waiting would get this one's answer.
    let result = await withCheckedContinuation { continuation in
      do throws(ExchangeError) {
        let commands = try send(statements)
        flushAtEndOfTurn()
        if isIdle { timer?.set(after: duration) }
        pending.append(Exchange(commands, duration: duration, continuation: continuation))
      } catch {
        continuation.resume(returning: .failure(error))
      }
    }
    return try result.get()
  }

  /// Queues statements and a sync. Returns what will be answered.
  private func send(_ statements: [Statement]) throws(ExchangeError) -> [Exchange.Command] {
    if let failure { throw .closed(failure) }
    guard waiting < Self.pendingMax else { throw .notSent("too many calls wait for an answer") }
    var commands: [Exchange.Command] = []
    for statement in statements where !send(statement, &commands) { throw broken() }
    guard PQpipelineSync(handle) == 1 else { throw broken() }
    return commands
  }

  /// Libpq has refused something: the connection is of no use any more.
  private func broken() -> ExchangeError {
    let cause = message
    fail(cause)
    return .lost(cause)
  }

  /// From now on statements may be prepared, if the session is this connection's own: `backend` is
  /// the process that carries it out. A pooler tells its clients of a process of its own invention;
  /// CockroachDB, which has no processes, says -1.
  func allowPreparing(onBackend backend: Int64) {
    prepared.isAllowed = backend == Int64(PQbackendPID(handle)) || backend == -1
  }

  /// Whether statements may be prepared.
  var mayPrepare: Bool { prepared.isAllowed }

  /// Queues a statement; false: libpq says why not.
  private func send(_ statement: Statement, _ commands: inout [Exchange.Command]) -> Bool {
    let way = prepared.way(of: statement.text)
    if case .prepare(let name) = way {
      let types = statement.parameters.slots.map(\.type)
      guard PQsendPrepare(handle, name, statement.text, Int32(types.count), types) == 1 else {
        return false
      }
      commands.append(.prepare(statement.text))
    }
    commands.append(.execute)
    return send(statement, way)
  }

  private func send(_ statement: Statement, _ way: PreparedStatements.Way) -> Bool {
    let slots = statement.parameters.slots
    let count = Int32(slots.count)
    // libpq copies all of this into its own buffer before it returns.
    return statement.parameters.buffer.withUnsafeBytes { buffer in
      let base = buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
      let lengths = slots.map { Int32($0.range?.count ?? 0) }
      let formats = [Int32](repeating: 1, count: slots.count)
      // An empty value is no NULL: it needs an address all the same.
      let values = slots.map { slot -> UnsafePointer<CChar>? in
        slot.range.map { range in
          base.map { UnsafePointer($0 + range.lowerBound) } ?? Self.nothing
        }
      }
      return switch way {
      case .unnamed:
        PQsendQueryParams(
          handle, statement.text, count, slots.map(\.type), values, lengths, formats, 1) == 1
      case .prepare(let name), .named(let name):
        PQsendQueryPrepared(handle, name, count, values, lengths, formats, 1) == 1
      }
    }
  }

  /// The address of an empty value.
  private static var nothing: UnsafePointer<CChar> {
    UnsafeRawPointer(bitPattern: 1)!.assumingMemoryBound(to: CChar.self)
  }

  private var message: String { Text.line(PQerrorMessage(handle)) }
}

// MARK: - Writing

extension Connection: TurnEnding {
  private func flushAtEndOfTurn() {
    guard !flushIsDue else { return }
    flushIsDue = true
    loop.endTurn(of: self)
  }

  /// Writes all that was sent during the turn.
  nonisolated func endTurn() {
    assumeIsolated { connection in
      connection.flushIsDue = false
      if !connection.isBlocked { connection.flush() }
    }
  }

  private func flush() {
    guard failure == nil else { return }
    switch PQflush(handle) {
    case 0: isBlocked = false
    case 1:
      isBlocked = true
      resumeWriter()
    default: fail(message)
    }
  }

  /// Goes on writing whenever the socket had no room.
  private func writeOn() async {
    while failure == nil, let socket {
      if isBlocked {
        _ = await socket.writable()
        flush()
      } else {
        await withCheckedContinuation { continuation in
          if isBlocked || failure != nil { continuation.resume() } else { writer = continuation }
        }
      }
    }
  }

  private func resumeWriter() {
    writer?.resume()
    writer = nil
  }
}

// MARK: - Reading

extension Connection {
  private func read() async {
    while failure == nil, let socket {
      _ = await socket.readable()
      guard failure == nil else { return }
      guard PQconsumeInput(handle) == 1 else { return fail(message) }
      takeResults()
      // "While reading, libpq may have to write" (PQflush): TLS, and full buffers on both sides.
      if isBlocked { flush() }
    }
  }

  /// Takes what has arrived. In pipeline mode each statement's results end with a null pointer, and
  /// a sync is a result of its own without one (libpq, §34.5.1.2).
  private func takeResults() {
    while answered < pending.count, PQisBusy(handle) == 0 {
      guard let result = PQgetResult(handle) else { continue }
      let exchange = pending[answered]
      switch PQresultStatus(result) {
      case PGRES_TUPLES_OK, PGRES_COMMAND_OK:
        if let text = exchange.prepared { prepared.ended(text, isPrepared: true) }
        exchange.append(ResultSet(adopting: result))
      case PGRES_PIPELINE_SYNC:
        PQclear(result)
        endFirst()
      case PGRES_PIPELINE_ABORTED:
        PQclear(result)
      default:
        exchange.fail(Self.refusal(result, of: exchange))
        PQclear(result)
        if PQstatus(handle) == CONNECTION_BAD { return fail(message) }
      }
    }
  }

  private func endFirst() {
    let exchange = pending[answered]
    answered += 1
    if answered == pending.count {
      pending.removeAll(keepingCapacity: true)
      answered = 0
      timer?.cancel()
    } else {
      timer?.set(after: pending[answered].duration)
    }
    for text in exchange.unprepared { prepared.ended(text, isPrepared: false) }
    exchange.end()
  }

  private static func refusal(_ result: OpaquePointer, of exchange: Exchange) -> ExchangeError {
    let code = PQresultErrorField(result, Int32(UInt8(ascii: "C")))  // PG_DIAG_SQLSTATE
    // The primary message alone: the details may quote keys and values.
    let message = Text.line(PQresultErrorField(result, Int32(UInt8(ascii: "M"))))
    guard let code else { return .lost(Text.line(PQresultErrorMessage(result))) }
    let state = SQLState(code: String(cString: code), message: message)
    if state.code == "57014", exchange.isCancelled {
      return .overran(isLast: exchange.isAtLast)
    }
    return .refused(state: state, message: message, isLast: exchange.isAtLast)
  }

  /// What takes too long is cancelled: it fails alone, and those behind it have their turn. Where
  /// not even that is answered, the server hangs.
  private func checkDeadline() {
    guard answered < pending.count else { return }
    let first = pending[answered]
    if first.isCancelled || !canceller.cancel() {
      isHung = true
      return fail("no answer in time")
    }
    first.isCancelled = true
    timer?.set(after: Self.cancelTime)
  }

  /// How long the server may take to cancel a statement.
  private static let cancelTime = Duration.milliseconds(500)
}
