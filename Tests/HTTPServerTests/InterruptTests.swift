import Foundation
import Testing

@testable import EventLoop
@testable import HTTP

/// Interrupts that come when a report has just ended a wait: by themselves they have no effect.
@Suite(.timeLimit(.minutes(1)))
struct InterruptTests {
  @Test("A server that leaves does not wait for a client that was refused")
  func lingering() async throws {
    try await Subject.with { subject in
      async let refusal: Void = subject.refuse()
      // Then the connection waits for what the client still sends.
      while !subject.hasEndAtFarSide { await Task.yield() }
      subject.socket.becomeReady(.readable)
      subject.connection.endIfIdle()
      await refusal
    }
  }

  @Test("A stream that has just heard something is woken, and ended")
  func streams() async throws {
    try await Subject.with { subject in
      async let woken = subject.awaitWakeup()
      while !subject.isWaiting { await Task.yield() }
      subject.socket.becomeReady(.readable)
      subject.body.wake()
      #expect(await woken == .woken)
      async let ended = subject.awaitWakeup()
      while !subject.isWaiting { await Task.yield() }
      subject.socket.becomeReady(.readable)
      subject.body.drain()
      #expect(await ended == .ended)
    }
  }

  @Test("A client that has left is heard without a wait")
  func listening() async throws {
    try await Subject.with { subject in
      #expect(subject.body.listen())
      subject.closeFarSide()
      #expect(!subject.body.listen())
      #expect(subject.body.ending == .gone)
      #expect(!subject.body.listen())
    }
  }
}

/// A connection and a stream to the same client. They wait in child tasks, to which they can't be
/// sent; but all share this actor.
private actor Subject {
  nonisolated let loop: EventLoop
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.unownedExecutor }
  let socket: Socket
  let connection: HTTPConnection
  let body: BodyStream
  private(set) var isWaiting = false
  private let far: Int32
  private var isFarOpen = true

  static func with(_ body: @Sendable (isolated Subject) async throws -> Void) async throws {
    let loop = try EventLoop(name: "subject")
    loop.start()
    defer { loop.stop() }
    try await withTaskExecutorPreference(loop.executor) {
      let subject = await Subject.make(on: loop)
      try await subject.run(body)
      await subject.close()
    }
  }

  /// On the loop's thread.
  private nonisolated static func make(on loop: EventLoop) async -> Subject { Subject(on: loop) }

  private init(on loop: EventLoop) {
    self.loop = loop
    var ends: [Int32] = [0, 0]
    #if os(Linux)
      let type = Int32(SOCK_STREAM.rawValue)
    #else
      let type = SOCK_STREAM
    #endif
    precondition(socketpair(AF_UNIX, type, 0, &ends) == 0, "socketpair: \(errno)")
    for end in ends { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
    let socket = Socket(adopting: ends[0], on: loop)
    var configuration = HTTPConfiguration()
    configuration.lingerTimeout = .seconds(600)
    let context = HTTPContext(
      configuration: configuration, state: HTTPServerState(),
      handler: EchoHandler(gate: Gate(), streams: Streams()), observer: SilentObserver())
    var (output, input) = ([UInt8](), InputBuffer())
    self.socket = socket
    far = ends[1]
    connection = HTTPConnection(socket: socket, context: context)
    body = BodyStream(
      to: socket, context: context, isChunked: true, output: &output, input: &input)
  }

  private func run(_ body: @Sendable (isolated Subject) async throws -> Void) async throws {
    try await body(self)
  }

  private func close() {
    socket.close()
    if isFarOpen { closeFarSide() }
  }

  func closeFarSide() {
    isFarOpen = false
    Foundation.close(far)
  }

  func refuse() async { await connection.refuse(with: HTTPProblem(.badRequest, "a test")) }

  func awaitWakeup() async -> BodyStream.Wakeup {
    isWaiting = true
    defer { isWaiting = false }
    return await body.wait(for: .seconds(600))
  }

  /// Whether the connection has sent its answer, and no more will come.
  var hasEndAtFarSide: Bool {
    var bytes = [UInt8](repeating: 0, count: 4_096)
    return recv(far, &bytes, bytes.count, 0) == 0
  }
}
