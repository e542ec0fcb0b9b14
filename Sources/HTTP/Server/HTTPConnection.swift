internal import Basics
internal import EventLoop

/// Serves the requests of one connection, one after the other (RFC 9112 §9).
///
/// It lives on its loop: requests in, answers out, nothing shared. Answers of pipelined requests
/// gather in `output` and go out in one write when no further request is buffered.
final class HTTPConnection {
  private let socket: Socket
  private let context: HTTPContext
  private var parser: HTTPParser
  private var input = InputBuffer()
  private var output: [UInt8] = []
  /// Whether it waits for the first byte of a request.
  private var isIdle = false
  /// Whether it ends unless a request is there already.
  private var mustEnd = false
  /// Bytes taken for the body of the request that is being served.
  private var bodyBytesHeld = 0
  /// Bytes taken for the answer that is being sent.
  private var answerBytesHeld = 0

  private static let readBytes = 16 << 10
  /// Answers of pipelined requests that gather before they are sent in any case.
  private static let outputBytesMax = 64 << 10
  /// A body up to here finds room when larger ones do not.
  private static let smallBodyBytesMax = 64 << 10

  /// Why a connection ends without an answer.
  private enum Ending: Error {
    /// The client is gone, or too slow to be waited for.
    case gone
    case refused(HTTPProblem, RequestID)
    /// The handler refuses a body.
    case answered(Response, RequestHead, RequestID)
  }

  init(socket: Socket, context: HTTPContext) {
    self.socket = socket
    self.context = context
    parser = HTTPParser(limits: context.configuration.limits)
  }

  /// Serves until either side is done; the socket is then still open.
  func run() async {
    do throws(Ending) {
      while let head = try await nextHead() {
        if try await serve(head, by: context.handler) { break }
      }
      try await flush()
      try await linger(for: context.configuration.lingerTimeout)
    } catch {
      returnBodyBytes()
      returnAnswerBytes()
      await end(with: error, lingering: context.configuration.refusedTimeout)
    }
  }

  /// Answers `problem` without having read a request, and ends.
  func refuse(with problem: HTTPProblem) async {
    await end(
      with: .refused(problem, context.makeRequestID()),
      lingering: context.configuration.lingerTimeout)
  }

  /// A connection without a request ends now; others end after their answer while the server
  /// drains.
  func endIfIdle() {
    guard isIdle else { return }
    // The interrupt alone would be lost on a connection that an event has just woken in vain.
    mustEnd = true
    socket.interrupt()
  }

  /// True: it was the last request. Generic, so that what the handler accepts needs no box.
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
    let body = try await readBody(of: head, bytesMax: bodyBytesMax, id: id)
    let response = await handler.respond(to: accepted, body: body)
    returnBodyBytes()
    return try await queue(response, for: head, id: id)
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

  /// Counts an answer from now on, if it is not one of those that are copied into `output`.
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
  /// The next request's head; nil when there is none to come.
  private func nextHead() async throws(Ending) -> RequestHead? {
    var hasDeadline = false
    while true {
      if !input.isEmpty, let head = try parse() { return head }
      try await flush()
      if input.isEmpty {
        guard try await awaitRequest() else { return nil }
      } else {
        // One deadline from a head's first byte to its last: a slow client can't stretch it.
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

  private func parse() throws(Ending) -> RequestHead? {
    do throws(HTTPProblem) {
      let outcome = try input.withBytes { (bytes) throws(HTTPProblem) in try parser.parse(bytes) }
      guard case .head(let head, let length) = outcome else { return nil }
      input.consume(length)
      return head
    } catch {
      throw .refused(error, context.makeRequestID())
    }
  }

  /// Waits for the first bytes of a request; false: none will come.
  private func awaitRequest() async throws(Ending) -> Bool {
    input.exchangeStorage { context.giveBack(&$0) }
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
      // The look above was the last: a request that came before the interrupt is still served.
      case .wouldBlock: if wakeup == .interrupted { return false }
      }
    }
  }
}

// MARK: - Bodies

extension HTTPConnection {
  private func readBody(
    of head: RequestHead, bytesMax: Int, id: RequestID
  ) async throws(Ending) -> [UInt8] {
    if head.framing == .none { return [] }
    if case .length(let length) = head.framing {
      guard length <= bytesMax else {
        throw .refused(
          HTTPProblem(.contentTooLarge, "the body may have at most \(bytesMax) bytes"), id)
      }
      // Nothing is taken for what has only been announced, but what can't fit is not asked for.
      guard context.state.bodyBytesHeld <= bodyBytesMax(for: length) - length else {
        throw Self.tooManyBodies(id)
      }
    }
    if head.expectsContinue, input.isEmpty { try await sendContinue() }
    if case .length(let length) = head.framing {
      return try await readBody(length: length, id: id)
    }
    return try await readChunks(bytesMax: bytesMax, id: id)
  }

  private func readBody(length: Int, id: RequestID) async throws(Ending) -> [UInt8] {
    var body: [UInt8] = []
    // Room grows with what arrives: a length alone must not cost memory.
    body.reserveCapacity(min(length, 64 << 10))
    input.move(upTo: length, to: &body)
    try hold(body.count, id: id)
    var pace = makePace(over: context.configuration.bodyTimeout)
    while body.count < length {
      let room = min(length - body.count, max(64 << 10, min(body.count, 256 << 10)))
      switch socket.read(appendingTo: &body, upTo: room) {
      case .bytes(let count):
        context.observer.received(bytes: count)
        pace.moved(count)
        try hold(count, id: id)
      case .end, .failed: throw .gone
      case .wouldBlock:
        if pace.begins() { socket.setDeadline(after: context.configuration.bodyTimeout) }
        try await awaitReadable(id: id, problem: "the body came too slowly")
      }
    }
    return body
  }

  private func readChunks(bytesMax: Int, id: RequestID) async throws(Ending) -> [UInt8] {
    var body: [UInt8] = []
    var decoder = ChunkedDecoder(bodyBytesMax: bytesMax, limits: context.configuration.limits)
    var pace = makePace(over: context.configuration.bodyTimeout)
    while true {
      let before = body.count
      let isWhole = try decode(with: &decoder, into: &body, id: id)
      try hold(body.count - before, id: id)
      if isWhole { return body }
      if pace.begins() { socket.setDeadline(after: context.configuration.bodyTimeout) }
      guard try await fill(problem: "the body came too slowly") else { throw .gone }
      pace.moved(input.count)
    }
  }

  /// Decodes what has come in; true: the body has ended.
  private func decode(
    with decoder: inout ChunkedDecoder, into body: inout [UInt8], id: RequestID
  ) throws(Ending) -> Bool {
    do throws(HTTPProblem) {
      let outcome = try input.withBytes { (bytes) throws(HTTPProblem) in
        try decoder.decode(bytes, into: &body)
      }
      switch outcome {
      case .incomplete(let consumed):
        input.consume(consumed)
        return false
      case .end(let consumed):
        input.consume(consumed)
        return true
      }
    } catch {
      throw .refused(error, id)
    }
  }

  private func makePace(over window: Duration) -> Pace {
    Pace(bytesPerSecond: context.configuration.bytesPerSecondMin, over: window)
  }

  /// Takes so many further bytes, which have arrived, from what bodies may have in memory.
  private func hold(_ count: Int, id: RequestID) throws(Ending) {
    let bytesMax = bodyBytesMax(for: bodyBytesHeld + count)
    guard context.state.takeBodyBytes(count, max: bytesMax) else { throw Self.tooManyBodies(id) }
    bodyBytesHeld += count
  }

  private func returnBodyBytes() {
    if bodyBytesHeld == 0 { return }
    context.state.returnBodyBytes(bodyBytesHeld)
    bodyBytesHeld = 0
  }

  /// How much all bodies may take for one of so many bytes to be read: large ones leave a quarter
  /// to small ones. Alone, any fits that the bound allows.
  private func bodyBytesMax(for count: Int) -> Int {
    let bytesMax = context.configuration.bodyBytesMax
    guard count > Self.smallBodyBytesMax else { return bytesMax }
    return max(bytesMax / 4 * 3, min(count, bytesMax))
  }

  private static func tooManyBodies(_ id: RequestID) -> Ending {
    .refused(HTTPProblem(.serviceUnavailable, "too many bodies are being received; try again"), id)
  }

  private func sendContinue() async throws(Ending) {
    output.append(HTTPSerializer.continueResponse)
    try await flush()
  }
}

// MARK: - Reading and writing

extension HTTPConnection {
  /// Waits for more input; false at its end. The deadline is the caller's.
  private func fill(problem: String) async throws(Ending) -> Bool {
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

  private func awaitReadable(id: RequestID?, problem: String) async throws(Ending) {
    if await socket.readable() == .timedOut {
      throw .refused(HTTPProblem(.requestTimeout, problem), id ?? context.makeRequestID())
    }
  }

  private func flush() async throws(Ending) {
    guard !output.isEmpty else { return }
    try await send(output)
    output.removeAll(keepingCapacity: true)
  }

  /// Sends bytes; `isHeld`: they have been counted.
  private func send(_ bytes: [UInt8], isHeld: Bool = false) async throws(Ending) {
    var start = 0
    try write(bytes, from: &start)
    if start == bytes.count { return }
    // The client reads more slowly than it asks. Past the common bound it is given up.
    let counted = isHeld ? 0 : bytes.count
    let answerBytesMax = context.configuration.answerBytesMax
    guard context.state.takeAnswerBytes(counted, max: answerBytesMax) else { throw .gone }
    defer { context.state.returnAnswerBytes(counted) }
    var pace = makePace(over: context.configuration.writeTimeout)
    while start < bytes.count {
      if pace.begins() { socket.setDeadline(after: context.configuration.writeTimeout) }
      if await socket.writable() == .timedOut { throw .gone }
      let before = start
      try write(bytes, from: &start)
      pace.moved(start - before)
    }
  }

  private func write(_ bytes: [UInt8], from start: inout Int) throws(Ending) {
    guard case .bytes(let count) = socket.write(bytes, from: start) else { throw .gone }
    context.observer.sent(bytes: count)
    start += count
  }

  /// Sends the last answer of a connection that ends before its request was complete.
  private func end(with ending: Ending, lingering time: Duration) async {
    do throws(Ending) {
      switch ending {
      case .gone: return
      case .answered(var response, let head, let id):
        response.closesConnection = true
        _ = try await queue(response, for: head, id: id)
      case .refused(let problem, let id):
        context.observer.refused(problem.status)
        let response = context.handler.respond(to: problem, id: id)
        _ = HTTPSerializer.append(
          response, to: &output, isHead: false, minorVersion: 1, closes: true, date: context.date,
          id: id)
      }
      try await flush()
      try await linger(for: time)
    } catch {}  // the client is gone: there is nobody left to tell
  }

  /// Reads and drops what the client still sends: closing with unread input would reset the
  /// connection, and could take the answer away before the client has read it (RFC 9112 §9.6). A
  /// proxy that is reset in the middle of a body takes this server for a dead one.
  private func linger(for time: Duration) async throws(Ending) {
    socket.finishWriting()
    socket.setDeadline(after: time)
    // Who leaves does not wait for it.
    isIdle = true
    defer { isIdle = false }
    var dropped = 0
    while dropped < context.configuration.lingerBytesMax {
      input.consume(input.count)
      switch read() {
      case .bytes(let count): dropped += count
      case .end, .failed: return
      case .wouldBlock: if await socket.readable() != .ready { return }
      }
    }
  }
}
