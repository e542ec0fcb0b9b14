internal import Basics
internal import EventLoop

/// Serves the requests of one connection, one after another (RFC 9112 §9).
///
/// It lives on its loop and shares nothing. The answers to pipelined requests are collected in
/// `output` and sent in one write when no further request is buffered.
final class HTTPConnection {
  let socket: Socket
  let context: HTTPContext
  private var parser: HTTPParser
  var input = InputBuffer()
  var output: [UInt8] = []
  /// Whether the connection waits for the first byte of a request.
  private var isIdle = false
  /// Whether the connection ends unless a request has arrived already.
  private var mustEnd = false
  /// The bytes counted for the body of the current request.
  var bodyBytesHeld = 0
  /// The bytes counted for the current answer.
  private var answerBytesHeld = 0
  /// The body of the current answer, if it is streamed.
  private var streamed: BodyStream?
  /// Requests that had arrived together with the one before them.
  private var pipelined = 0

  private static let readBytes = 16 << 10
  /// When the collected answers exceed this, they are sent in any case.
  private static let outputBytesMax = 64 << 10
  /// After so many pipelined requests, other connections of the loop have their turn.
  private static let pipelinedMax = 16

  /// Why a connection ends before a request is complete.
  enum Ending: Error {
    /// The client is gone or too slow.
    case gone
    case refused(HTTPProblem, RequestID, origin: [UInt8]? = nil)
    /// The handler refuses the body.
    case answered(Response, RequestHead, RequestID)
  }

  init(socket: Socket, context: HTTPContext) {
    self.socket = socket
    self.context = context
    parser = HTTPParser(limits: context.configuration.limits)
  }

  /// Serves until either side ends the connection. The socket is still open then.
  func run() async {
    do throws(Ending) {
      while let head = try await nextHead(), try await !serve(head, by: context.handler) {}
      try await flush()
      try await linger(for: context.configuration.lingerTimeout)
    } catch {
      returnBodyBytes()
      returnAnswerBytes()
      await end(with: error, lingering: context.configuration.refusedTimeout)
    }
  }

  /// Answers with `problem`, without reading a request, and ends.
  func refuse(with problem: HTTPProblem) async {
    await end(
      with: .refused(problem, context.makeRequestID()),
      lingering: context.configuration.lingerTimeout)
  }

  /// Ends the connection if it waits for a request or streams an answer. While the server drains,
  /// the other connections end after their answers.
  func endIfIdle() {
    streamed?.drain()
    guard isIdle else { return }
    // The interrupt alone would have no effect if an event has just ended the wait.
    mustEnd = true
    socket.interrupt()
  }

  /// Admits the request, reads its body, calls the handler and queues the answer. True if it was
  /// the last request. Generic, so that what the handler accepts needs no box.
  private func serve<Handler: HTTPHandler>(
    _ head: RequestHead, by handler: Handler
  ) async throws(Ending) -> Bool {
    let id = context.requestID(for: head)
    let accepted: Handler.Accepted
    let bodyBytesMax: Int
    do throws(Refusal) {
      (accepted, bodyBytesMax) = try handler.admit(head, id: id)
    } catch {
      // Where an unread body ends, and with it the next request begins, is not known.
      if head.framing != .none { throw .answered(error.response, head, id) }
      return try await queue(error.response, for: head, id: id)
    }
    let body: [UInt8]
    do throws(Ending) {
      body = try await readBody(of: head, bytesMax: bodyBytesMax, id: id)
    } catch {
      guard case .refused(let problem, let id, _) = error else { throw error }
      throw .refused(problem, id, origin: head.first(.origin).map { Array($0) })
    }
    // The answer may take a while: thousands of connections that wait need no buffer.
    giveBackInput()
    let response = await handler.respond(to: accepted, body: body)
    returnBodyBytes()
    if response.isStreamed, head.method != .head {
      return try await stream(response, for: head, id: id) {
        await handler.stream(accepted, to: $0)
      }
    }
    return try await queue(response, for: head, id: id)
  }

  /// Sends an answer whose body `send` makes. True if it was the last answer.
  private func stream(
    _ response: Response, for head: RequestHead, id: RequestID,
    send: (BodyStream) async -> Void
  ) async throws(Ending) -> Bool {
    // HTTP/1.0 knows no chunks: the end of the connection is that of the body.
    let isChunked = head.minorVersion > 0
    let isLast = response.closesConnection || !head.keepsAlive || !isChunked
    if output.capacity == 0 { output = context.takeBuffer() }
    _ = HTTPSerializer.append(
      response, to: &output, isHead: false, minorVersion: head.minorVersion,
      closes: isLast || context.state.isDraining, date: context.date, id: id)
    let body = BodyStream(
      to: socket, context: context, isChunked: isChunked, output: &output, input: &input)
    streamed = body
    await send(body)
    streamed = nil
    body.finish(&output, &input)
    if body.ending == .gone || body.ending == .slow { throw .gone }
    return isLast || context.state.isDraining
  }

  private func queue(
    _ response: Response, for head: RequestHead, id: RequestID
  ) async throws(Ending) -> Bool {
    hold(response)
    let isLast = response.closesConnection || !head.keepsAlive || context.state.isDraining
    if output.capacity == 0 { output = context.takeBuffer() }
    let rest = HTTPSerializer.append(
      response, to: &output, isHead: head.method == .head, minorVersion: head.minorVersion,
      closes: isLast, date: context.date, id: id)
    if rest == .body {
      try await flush()
      try await send(response.body, isHeld: true)
    } else if output.count > Self.outputBytesMax {
      try await flush()
    }
    returnAnswerBytes()
    return isLast
  }

  /// Counts an answer, unless it is short and is only copied into `output`.
  private func hold(_ response: Response) {
    let isLong = response.body.count > HTTPSerializer.copiedBodyBytesMax
    guard isLong || response.roomTaken > 0 else { return }
    answerBytesHeld = response.body.count
    context.state.addAnswerBytes(answerBytesHeld - response.roomTaken)
  }

  private func returnAnswerBytes() {
    if answerBytesHeld == 0 { return }
    context.state.returnAnswerBytes(answerBytesHeld)
    answerBytesHeld = 0
  }
}

// MARK: - Heads

extension HTTPConnection {
  /// The head of the next request; nil if there is none.
  private func nextHead() async throws(Ending) -> RequestHead? {
    var hasDeadline = false
    while true {
      if !input.isEmpty, let head = try parse() {
        pipelined += 1
        if pipelined % Self.pipelinedMax == 0 { await Task.yield() }
        return head
      }
      try await flush()
      if input.isEmpty {
        guard try await awaitRequest() else { return nil }
      } else {
        // One deadline from the first byte of a head to the last: a slow client can't extend it.
        if !hasDeadline { socket.setDeadline(after: context.configuration.headTimeout) }
        hasDeadline = true
        guard try await fill(problem: "the header section took too long") else {
          throw .refused(
            HTTPProblem(.badRequest, "the connection ended inside the header section"),
            context.makeRequestID())
        }
      }
    }
  }

  private func giveBackInput() {
    if input.isEmpty { input.exchangeStorage { context.giveBack(&$0) } }
  }

  private func parse() throws(Ending) -> RequestHead? {
    do throws(HTTPProblem) {
      let outcome = try input.withBytes { (bytes) throws(HTTPProblem) in try parser.parse(bytes) }
      guard case .head(let head, let length) = outcome else { return nil }
      input.consume(length)
      return head
    } catch {
      let origin = input.withBytes { parser.origin(in: $0) }
      throw .refused(error, context.makeRequestID(), origin: origin)
    }
  }

  /// Waits for the first bytes of a request. False if the connection ends instead.
  private func awaitRequest() async throws(Ending) -> Bool {
    pipelined = 0
    giveBackInput()
    context.giveBack(&output)
    socket.setDeadline(after: context.configuration.idleTimeout)
    isIdle = true
    defer { isIdle = false }
    while true {
      let wakeup = mustEnd || context.isLeaving ? .interrupted : await socket.readable()
      if wakeup == .timedOut { return false }
      input.exchangeStorage { if $0.capacity == 0 { $0 = context.takeBuffer() } }
      switch read() {
      case .bytes: return true
      case .end, .failed: return false
      // This was the last read: a request that had come before the interrupt is still served.
      case .wouldBlock: if wakeup == .interrupted { return false }
      }
    }
  }
}

// MARK: - Reading and writing

extension HTTPConnection {
  /// Waits for more input, until the deadline that the caller has set. False at the end.
  func fill(problem: String) async throws(Ending) -> Bool {
    while true {
      switch read() {
      case .bytes: return true
      case .end, .failed: return false
      case .wouldBlock: try await awaitReadable(id: nil, problem: problem)
      }
    }
  }

  private func read() -> Socket.ReadResult {
    let result = input.append { socket.read(appendingTo: &$0, upTo: Self.readBytes) }
    if case .bytes(let count) = result { context.observer.received(bytes: count) }
    return result
  }

  func awaitReadable(id: RequestID?, problem: String) async throws(Ending) {
    if await socket.readable() == .timedOut {
      throw .refused(HTTPProblem(.requestTimeout, problem), id ?? context.makeRequestID())
    }
  }

  func flush() async throws(Ending) {
    guard !output.isEmpty else { return }
    try await send(output)
    output.removeAll(keepingCapacity: true)
  }

  /// Sends bytes. `isHeld` says whether they have been counted.
  private func send(_ bytes: [UInt8], isHeld: Bool = false) async throws(Ending) {
    guard case .bytes(let count) = socket.write(bytes) else { throw .gone }
    context.observer.sent(bytes: count)
    if count == bytes.count { return }
    // The client reads too slowly. If all answers together exceed their limit, it is disconnected.
    guard await context.send(bytes, from: count, isHeld: isHeld, to: socket) == .sent else {
      throw .gone
    }
  }

  /// Sends the last answer of a connection that ends before its request was complete.
  private func end(with ending: Ending, lingering time: Duration) async {
    do throws(Ending) {
      switch ending {
      case .gone: return
      case .answered(var response, let head, let id):
        response.closesConnection = true
        _ = try await queue(response, for: head, id: id)
      case .refused(let problem, let id, let origin):
        context.observer.refused(problem.status)
        let response = context.handler.respond(to: problem, origin: origin, id: id)
        _ = HTTPSerializer.append(
          response, to: &output, isHead: false, minorVersion: 1, closes: true, date: context.date,
          id: id)
      }
      try await flush()
      try await linger(for: time)
    } catch {}  // the client is gone
  }

  /// Reads and drops what the client still sends. A close with unread input would reset the
  /// connection, and the client could lose the answer before it has read it (RFC 9112 §9.6). A
  /// proxy whose connection is reset in the middle of a body considers this server dead.
  private func linger(for time: Duration) async throws(Ending) {
    socket.finishWriting()
    socket.setDeadline(after: time)
    // A server that leaves does not wait for it.
    isIdle = true
    defer { isIdle = false }
    var dropped = 0
    while dropped < context.configuration.lingerBytesMax {
      input.consume(input.count)
      switch read() {
      case .bytes(let count): dropped += count
      case .end, .failed: return
      case .wouldBlock: guard !mustEnd, await socket.readable() == .ready else { return }
      }
    }
  }
}
