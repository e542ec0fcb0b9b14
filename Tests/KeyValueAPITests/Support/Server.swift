import Embedded
import KeyValueStore
import Testing

@testable import HTTP
@testable import KeyValueAPI

/// A handler on an actor of its own, as on an event loop, with a real store behind it. Requests go
/// in as the bytes that a client sends; the parser is the real one too.
actor Server {
  nonisolated let backing: Backing
  nonisolated let observer = RecordingAPIObserver()
  private let handler: APIHandler
  private let room: HTTPServerState

  init(
    _ backing: Backing, authentication: any Authenticating = OpenAccess(),
    limits: APILimits = APILimits(), isLocalOnly: Bool = false, isDraining: Bool = false,
    isCrowded: Bool = false,
    room: HTTPServerState = HTTPServerState()
  ) {
    self.backing = backing
    self.room = room
    let store = Store(
      database: backing.database, cache: backing.cache, queue: backing.queue, feed: backing.feed,
      inFlight: backing.inFlight, observer: SilentObserver(), now: { backing.clock.now })
    handler = APIHandler(
      store: store, authentication: authentication, observer: observer, limits: limits,
      surroundings: APISurroundings(
        metricsText: { Array("up 1\n".utf8) }, isLocalOnly: isLocalOnly,
        isDraining: { isDraining }, isCrowded: { isCrowded },
        takeRoom: { room.takeAnswerRoom($0, max: 32 << 20) },
        returnRoom: { room.returnAnswerRoom($0) },
        pause: { await backing.pauses.make($0) }))
  }

  /// Sends `METHOD target` with header fields and a body.
  func send(
    _ line: String, _ fields: [(String, String)] = [], body: String = "",
    host: String = "localhost"
  ) async throws -> Answer {
    try await send(line, fields, bytes: Array(body.utf8), host: host)
  }

  /// Sends `METHOD target` with header fields and a body.
  func send(
    _ line: String, _ fields: [(String, String)] = [], bytes: [UInt8], host: String = "localhost"
  ) async throws -> Answer {
    var head = "\(line) HTTP/1.1\r\nHost: \(host)\r\n"
    for (name, value) in fields { head += "\(name): \(value)\r\n" }
    if !bytes.isEmpty { head += "Content-Length: \(bytes.count)\r\n" }
    head += "\r\n"
    var parser = HTTPParser()
    let id = RequestID(1)
    let parsed: RequestHead
    do {
      guard case .head(let whole, _) = try parser.parse(Array(head.utf8).span) else {
        throw IncompleteRequest()
      }
      parsed = whole
    } catch let problem as HTTPProblem {
      return Answer(handler.respond(to: problem, id: id))
    }
    if parsed.framing != .none {
      switch handler.admit(parsed, id: id) {
      case .refuse(let response): return Answer(response, isRefusedEarly: true)
      case .accept(let bytesMax): #expect(bytes.count <= bytesMax)
      }
    }
    let request = Request(head: parsed, body: bytes, id: id)
    let response = await handler.respond(to: request)
    room.returnAnswerRoom(response.roomTaken)
    return Answer(response)
  }

  /// What is answered to a request that HTTP itself refuses.
  func answer(to problem: HTTPProblem) -> Answer {
    Answer(handler.respond(to: problem, id: RequestID(1)))
  }
}

/// A test's request was cut short.
struct IncompleteRequest: Error {}
