import CPostgres
import Dispatch
import EventLoop
import Synchronization

/// One connection in pipeline mode, on its loop. What is sent in one turn of the loop leaves in one
/// write, and exchanges are answered in order.
actor Connection {
  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.unownedExecutor }

  // libpq (§34.18): only one thread at a time may use a PGconn. It is the loop's, from here to
  // `close`.
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
  /// Why the connection can no longer be used; nil while it can.
  private(set) var failure: String?
  /// Whether the server has not answered in time: another connection would not help.
  private(set) var isHung = false

  /// How many exchanges may wait for their answer.
  private static let pendingMax = 256

  /// Takes over a connection that is established, non-blocking and in pipeline mode.
  init(adopting handle: sending OpaquePointer, on loop: EventLoop) {
    canceller = Canceller(of: handle)
    self.handle = handle
    self.loop = loop
  }

  /// Whether no exchange waits for an answer.
  private var isIdle: Bool { pending.count == answered }

  // MARK: Life

  /// Reads answers until the connection breaks or its task is cancelled, and then closes it.
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

  /// Gives the connection up. Exchanges that wait for an answer fail as lost.
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

  /// Gives the connection up unless it is in use; false: it is. What is sent to it from then on
  /// fails before it leaves, as `closed`.
  func endIfIdle(_ cause: String) -> Bool {
    guard isIdle else { return false }
    fail(cause)
    return true
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
  /// Sends statements followed by a sync, and waits for the answers to all of them: one result for
  /// each statement.
  func exchange(
    _ statements: [Statement], within duration: Duration
  ) async throws(ExchangeError) -> [ResultSet] {
    // Sending and waiting stand in one closure: a task that does not prefer the loop's executor may
    // suspend before the closure, and an exchange sent in between would get this one's answer.
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

  /// Sends one query, as above.
  func exchange<Row>(
    _ query: Query<Row>, within duration: Duration
  ) async throws(ExchangeError) -> Rows<Row> {
    query.rows(of: try await exchange([query.statement], within: duration)[0])
  }

  /// Queues statements and a sync. Returns the commands that the server will answer.
  private func send(_ statements: [Statement]) throws(ExchangeError) -> [Exchange.Command] {
    if let failure { throw .closed(failure) }
    guard pending.count - answered < Self.pendingMax else {
      throw .notSent("too many calls wait for an answer")
    }
    var commands: [Exchange.Command] = []
    for statement in statements where !send(statement, &commands) { throw broken() }
    guard PQpipelineSync(handle) == 1 else { throw broken() }
    return commands
  }

  /// libpq has refused a command: the connection can no longer be used.
  private func broken() -> ExchangeError {
    let cause = message
    fail(cause)
    return .lost(cause)
  }

  /// Permits preparing statements if the session is this connection's own. `backend` is the server
  /// process that runs the session. A pooler reports an invented process to its clients;
  /// CockroachDB, which has no processes, reports -1.
  func allowPreparing(onBackend backend: Int64) {
    prepared.isAllowed = backend == Int64(PQbackendPID(handle)) || backend == -1
  }

  /// Whether statements may be prepared.
  var mayPrepare: Bool { prepared.isAllowed }

  /// Queues a statement; false: libpq has refused it, and `message` says why.
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
    // libpq copies the text and the parameters into its own buffer before it returns.
    return statement.parameters.buffer.withUnsafeBytes { buffer in
      let base = buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
      let lengths = slots.map { Int32($0.range?.count ?? 0) }
      let formats = [Int32](repeating: 1, count: slots.count)
      // An empty value differs from NULL by having an address.
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

  private var message: String { String(firstLineOf: PQerrorMessage(handle)) }
}

// MARK: - Writing

extension Connection: TurnEnding {
  private func flushAtEndOfTurn() {
    guard !flushIsDue else { return }
    flushIsDue = true
    loop.endTurn(of: self)
  }

  /// Writes everything that was sent during the turn.
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

  /// Continues writing whenever the socket had no room.
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

  /// Takes the results that have arrived. In pipeline mode the results of each statement end with a
  /// null pointer; a sync is a result of its own, without one (libpq, §34.5.1.2).
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
    // Only the primary message: the details may quote keys and values.
    let message = String(firstLineOf: PQresultErrorField(result, Int32(UInt8(ascii: "M"))))
    guard let code else { return .lost(String(firstLineOf: PQresultErrorMessage(result))) }
    let state = SQLState(code: String(cString: code), message: message)
    if state.code == "57014", exchange.isCancelled {
      return .overran(isLast: exchange.isAtLast)
    }
    return .refused(state: state, message: message, isLast: exchange.isAtLast)
  }

  /// Cancels an exchange that takes too long: it fails alone, and the exchanges behind it continue.
  /// If the server does not answer the cancellation either, it hangs.
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

// MARK: - Cancelling

/// Asks a server to cancel what a connection's session is doing.
///
/// `@unchecked Sendable`: "PQcancel … is thread-safe, since it does not look at the PGconn" (libpq,
/// §34.7), and nothing else uses the handle.
private final class Canceller: @unchecked Sendable {
  private let handle: OpaquePointer?

  /// For a connection that is established.
  init(of connection: OpaquePointer) { handle = PQgetCancel(connection) }

  deinit { PQfreeCancel(handle) }

  /// Requests of the whole process that wait for their server. A server that hangs keeps them for
  /// as long as it hangs.
  private static let waiting = Atomic(0)
  private static let waitingMax = 8
  private static let queue = DispatchQueue(label: "database-cancel", attributes: .concurrent)

  /// Sends a request from a thread that may block. False: too many requests wait already.
  func cancel() -> Bool {
    guard handle != nil, Self.waiting.load(ordering: .relaxed) < Self.waitingMax else {
      return false
    }
    Self.waiting.add(1, ordering: .relaxed)
    Self.queue.async { [self] in
      var message = [CChar](repeating: 0, count: 256)
      _ = PQcancel(handle, &message, Int32(message.count))
      Self.waiting.subtract(1, ordering: .relaxed)
    }
    return true
  }
}
