import EventLoop
import HTTP
import Logging
import Synchronization
import Testing

/// A server that takes documents, and answers as a test says.
struct Collector: Sendable {
  let port: UInt16
  private let received: Received

  /// What was posted, and what is answered: the statuses in turn, then 200.
  final class Received: Sendable {
    struct State {
      var bodies: [[UInt8]] = []
      var heads: [String] = []
      var statuses: [Status] = []
    }

    let state = Mutex(State())
  }

  var bodies: [String] {
    received.state.withLock { $0.bodies.map { String(decoding: $0, as: UTF8.self) } }
  }

  /// Method, path and content type of each request.
  var heads: [String] { received.state.withLock { $0.heads } }

  func answer(_ statuses: Status...) { received.state.withLock { $0.statuses = statuses } }

  /// Returns once so many documents have come.
  func until(_ count: Int) async {
    while received.state.withLock({ $0.bodies.count }) < count { await Task.yield() }
  }

  /// Runs `body` beside a collector.
  static func with(
    _ body: @escaping @Sendable (Collector) async throws -> Void
  ) async throws {
    let loop = try EventLoop(name: "collector")
    loop.start()
    let listener = try Listener.open(SocketAddress(host: "127.0.0.1", port: 0), count: 1)[0]
    let received = Received()
    let server = HTTPServer(
      loop: loop, configuration: HTTPConfiguration(), state: HTTPServerState(),
      logger: Logger(label: "test"), handler: CollectorHandler(received: received),
      observer: NoObserver())
    let collector = Collector(port: listener.address.port, received: received)
    let result = await withTaskGroup { group in
      group.addTask(executorPreference: loop.executor) { await server.run(listener) }
      var result = Result<Void, any Error>.success(())
      do { try await body(collector) } catch { result = .failure(error) }
      await server.abort()
      return result
    }
    loop.stop()
    try result.get()
  }
}

private final class CollectorHandler: HTTPHandler {
  private let received: Collector.Received

  init(received: Collector.Received) { self.received = received }

  func admit(_ head: RequestHead, id: RequestID) throws(Refusal) -> (RequestHead, bodyBytesMax: Int)
  {
    (head, 8 << 20)
  }

  func respond(to head: RequestHead, body: [UInt8]) async -> Response {
    let type = String(decoding: head.first(.contentType) ?? [], as: UTF8.self)
    let path = String(decoding: head.path, as: UTF8.self)
    let status = received.state.withLock { state in
      state.bodies.append(body)
      state.heads.append("\(head.method.name) \(path) \(type)")
      return state.statuses.isEmpty ? .ok : state.statuses.removeFirst()
    }
    return Response(status, body: Array("{}".utf8))
  }

  func stream(_ head: RequestHead, to body: BodyStream) async {}
  func run() async {}

  func respond(to problem: HTTPProblem, origin: [UInt8]?, id: RequestID) -> Response {
    Response(problem.status, body: [])
  }
}

private final class NoObserver: HTTPObserver {
  func connectionOpened() {}
  func connectionClosed() {}
  func connectionRefused() {}
  func received(bytes: Int) {}
  func sent(bytes: Int) {}
  func refused(_ status: Status) {}
}
