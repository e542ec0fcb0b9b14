import EventLoop
import HTTP
import Logging
import Testing

/// A server on one loop, for one test.
struct ServerFixture: Sendable {
  let server: HTTPServer
  let state: HTTPServerState
  let gate: Gate
  let streams: Streams
  let port: UInt16

  func connect() throws -> Client { try Client(port: port) }

  /// Runs `body` beside a server on `backend`, then ends the server.
  ///
  /// `body` blocks on its sockets, so it has a thread of its own: the threads of the pool are few
  /// and shared.
  static func with(
    _ backend: PollerBackend, _ configuration: HTTPConfiguration = HTTPConfiguration(),
    streams: Streams = Streams(),
    _ body: @escaping @Sendable (ServerFixture) async throws -> Void
  ) async throws {
    let loop = try EventLoop(name: "server under test", backend: backend)
    loop.start()
    let clients = try EventLoop(name: "clients", backend: .dispatch)
    clients.start()
    let listener = try Listener.open(SocketAddress(host: "127.0.0.1", port: 0), count: 1)[0]
    let state = HTTPServerState()
    let gate = Gate()
    let server = HTTPServer(
      loop: loop, configuration: configuration, state: state, logger: Logger(label: "test"),
      handler: EchoHandler(gate: gate, streams: streams), observer: SilentObserver())
    let fixture = ServerFixture(
      server: server, state: state, gate: gate, streams: streams, port: listener.address.port)
    try await withThrowingTaskGroup { group in
      group.addTask(executorPreference: loop.executor) { await server.run(listener) }
      group.addTask(executorPreference: clients.executor) { @concurrent in
        do {
          try await body(fixture)
        } catch {
          await fixture.shutDown()
          throw error
        }
        await fixture.shutDown()
      }
      try await group.waitForAll()
    }
    loop.stop()
    clients.stop()
    #expect(state.connectionsOpen == 0)
    #expect(state.bodyBytesHeld == 0)
    #expect(state.answerBytesHeld == 0)
  }

  private func shutDown() async {
    await gate.open()
    await server.abort()
  }
}
