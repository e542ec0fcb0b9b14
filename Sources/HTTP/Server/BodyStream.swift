internal import Basics
internal import EventLoop

/// The body of a streamed answer. The handler sends it piece by piece, and waits in between for
/// more to send.
///
/// One task, the connection's, does both. While it waits it also hears that the client has left,
/// and reads the requests that the client sends ahead. Not Sendable: it belongs to the loop.
public final class BodyStream {
  /// Why no more of the body can be sent.
  public enum Ending: Sendable {
    /// The client has closed the connection, has sent too much ahead, or the connection is broken.
    case gone
    /// The client reads too slowly, or there is no memory for what it has not read.
    case slow
    /// The server leaves.
    case drain
  }

  /// Why a wait has ended.
  public enum Wakeup: Sendable {
    /// `wake()` was called.
    case woken
    case timedOut
    /// The body has ended: see `ending`.
    case ended
  }

  private let socket: Socket
  private let context: HTTPContext
  /// Whether the body is sent in chunks (RFC 9112 §7.1); else the end of the connection ends it.
  private let isChunked: Bool
  /// Nil while more can be sent.
  public private(set) var ending: Ending?
  private var isWaiting = false
  private var isWoken = false
  /// The head, until it is sent with the first piece.
  private var output: [UInt8] = []
  private var input = InputBuffer()

  /// The most bytes that a client may send ahead.
  private static let inputBytesMax = 64 << 10
  private static let readBytes = 4 << 10
  /// RFC 9112 §7.1 allows leading zeros: the size of a chunk is known only after its content.
  private static let chunkHead: StaticString = "00000000\r\n"
  private static let chunkSizeDigits = 8

  /// Takes the buffers of the connection, `output` with the head of the answer, until `finish`.
  init(
    to socket: Socket, context: HTTPContext, isChunked: Bool, output: inout [UInt8],
    input: inout InputBuffer
  ) {
    self.socket = socket
    self.context = context
    self.isChunked = isChunked
    swap(&output, &self.output)
    swap(&input, &self.input)
    if context.state.isDraining { ending = .drain }
  }

  // MARK: For the handler

  /// Sends what `fill` appends. Returns once the kernel has taken it; false: the body has ended.
  public func send(_ fill: (inout [UInt8]) -> Void) async -> Bool {
    if ending != nil { return false }
    if output.capacity == 0 { output = context.takeBuffer() }
    append(fill)
    if output.isEmpty { return true }
    var bytes: [UInt8] = []
    swap(&bytes, &output)
    let result = await send(bytes)
    context.giveBack(&bytes)
    // A body that was ended meanwhile keeps its reason.
    switch result {
    case .sent: break
    case .gone: ending = ending ?? .gone
    case .slow: ending = ending ?? .slow
    }
    return ending == nil
  }

  /// Waits until `wake()` is called, the body ends, or `duration` has passed.
  public func wait(for duration: Duration) async -> Wakeup {
    socket.setDeadline(after: duration)
    while true {
      if ending != nil { return .ended }
      if isWoken {
        isWoken = false
        return .woken
      }
      isWaiting = true
      let result = await socket.readable()
      isWaiting = false
      switch result {
      case .timedOut: return ending == nil ? .timedOut : .ended
      case .interrupted: break
      case .ready: hear()
      }
    }
  }

  /// Reads what the client has sent meanwhile, without waiting: a client that has left is noticed.
  /// False: the body has ended.
  public func listen() -> Bool {
    if ending == nil { hear() }
    return ending == nil
  }

  /// Ends the wait with `.woken`; if there is none, the next one.
  public func wake() {
    isWoken = true
    if isWaiting { socket.interrupt() }
  }

  /// Closes the connection at once, without what is still to be sent. The body ends as `gone`.
  public func abort() {
    ending = ending ?? .gone
    socket.close()
  }

  // MARK: For the connection

  /// The server leaves: no more is sent, apart from what is being sent now.
  func drain() {
    ending = ending ?? .drain
    if isWaiting { socket.interrupt() }
  }

  /// Gives the buffers back, `output` with what ends the body.
  func finish(_ output: inout [UInt8], _ input: inout InputBuffer) {
    if isChunked { self.output.append("0\r\n\r\n") }
    swap(&output, &self.output)
    swap(&input, &self.input)
  }

  // MARK: Steps

  private func append(_ fill: (inout [UInt8]) -> Void) {
    guard isChunked else { return fill(&output) }
    let start = output.count
    output.append(Self.chunkHead)
    let contentStart = output.count
    fill(&output)
    var size = output.count - contentStart
    // An empty chunk would be the last one.
    guard size > 0 else { return output.removeSubrange(start...) }
    output.append("\r\n")
    for index in (start..<start + Self.chunkSizeDigits).reversed() where size > 0 {
      output[index] = UInt8(hexadecimalDigit: size & 15)
      size >>= 4
    }
  }

  private func send(_ bytes: [UInt8]) async -> HTTPContext.SendResult {
    guard case .bytes(let count) = socket.write(bytes) else { return .gone }
    context.observer.sent(bytes: count)
    if count == bytes.count { return .sent }
    return await context.send(bytes, from: count, isHeld: false, to: socket)
  }

  /// Reads what has come: the requests after this one, or the end.
  private func hear() {
    switch input.append(with: { socket.read(appendingTo: &$0, upTo: Self.readBytes) }) {
    case .bytes(let count):
      context.observer.received(bytes: count)
      if input.count > Self.inputBytesMax { ending = .gone }
    case .end, .failed: ending = .gone
    case .wouldBlock: break
    }
  }
}

extension HTTPContext {
  /// Measures a transfer against the slowest that is not broken off.
  func makePace(over window: Duration) -> Pace {
    Pace(bytesPerSecond: configuration.bytesPerSecondMin, over: window)
  }

  /// How a client took what was sent.
  enum SendResult {
    case sent
    /// The connection is broken.
    case gone
    /// The client reads too slowly, or too much waits for slow clients already.
    case slow
  }

  /// Sends the bytes from `start` on, which the kernel did not take at once. `isHeld`: they are
  /// counted already.
  func send(
    _ bytes: [UInt8], from start: Int, isHeld: Bool, to socket: Socket
  ) async -> SendResult {
    let counted = isHeld ? 0 : bytes.count
    guard state.takeAnswerBytes(counted, max: configuration.answerBytesMax) else { return .slow }
    defer { state.returnAnswerBytes(counted) }
    var start = start
    var pace = makePace(over: configuration.writeTimeout)
    while start < bytes.count {
      if pace.begins() { socket.setDeadline(after: configuration.writeTimeout) }
      if await socket.writable() == .timedOut { return .slow }
      guard case .bytes(let count) = socket.write(bytes, from: start) else { return .gone }
      observer.sent(bytes: count)
      start += count
      pace.moved(count)
    }
    return .sent
  }
}
