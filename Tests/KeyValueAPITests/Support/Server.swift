import Basics
import Embedded
import KeyValueStore
import Observability
import Synchronization
import Telemetry
import Testing

@testable import Cluster
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
    limits: APILimits = APILimits(), crossOrigin: CrossOrigin? = nil, isLocalOnly: Bool = false,
    isDraining: Bool = false,
    isCrowded: Bool = false,
    room: HTTPServerState = HTTPServerState(),
    now: @escaping @Sendable () -> MonotonicTime = { .now() },
    audit: AuditLog? = nil, tracer: Tracer? = nil
  ) {
    self.backing = backing
    self.room = room
    var ports = StorePorts(
      database: backing.database, cache: backing.cache, queue: backing.queue, feed: backing.feed)
    if let tracer {
      let names = TracedNames(
        database: TracedSystem("sqlite", isRemote: false),
        cache: TracedSystem("redis", isRemote: true), queue: "kv.writes")
      ports = ports.traced(names, tracer)
    }
    let store = Store(
      database: ports.database, cache: ports.cache, queue: ports.queue, feed: ports.feed,
      inFlight: backing.inFlight, observer: SilentObserver(), tracer: tracer,
      now: { backing.clock.now })
    handler = APIHandler(
      store: store, authentication: authentication, observer: observer, audit: audit,
      tracing: tracer.map { RequestTracing(tracer: $0) },
      limits: limits, crossOrigin: crossOrigin,
      surroundings: APISurroundings(
        metricsText: { Array("up 1\n".utf8) }, isLocalOnly: isLocalOnly,
        isDraining: { isDraining }, isCrowded: { isCrowded },
        takeRoom: { room.takeAnswerRoom($0, max: 32 << 20) },
        returnRoom: { room.returnAnswerRoom($0) }, now: now,
        pause: { await backing.pauses.make($0) }, after: { _, _ in },
        watchPlaces: WatchPlaces(countMax: limits.watchersMax),
        watchMetrics: WatchMetrics(registry: MetricsRegistry())))
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
      let origin = fields.first { $0.0 == "Origin" }.map { Array($0.1.utf8) }
      return Answer(handler.respond(to: problem, origin: origin, id: id))
    }
    let accepted: AcceptedRequest
    do throws(Refusal) {
      let bytesMax: Int
      (accepted, bytesMax) = try handler.admit(parsed, id: id)
      #expect(bytes.count <= bytesMax)
    } catch {
      return Answer(error.response, isRefusedEarly: !bytes.isEmpty)
    }
    let response = await handler.respond(to: accepted, body: bytes)
    // The table of routes, and with it openapi.json, has every status that is answered.
    let isForeseen = accepted.endpoint.statuses.contains(response.status)
    #expect(isForeseen || response.status == .internalServerError, "\(line) \(response.status)")
    room.returnAnswerRoom(response.roomTaken)
    return Answer(response)
  }

  /// What is answered to a request that HTTP itself refuses.
  func answer(to problem: HTTPProblem) -> Answer {
    Answer(handler.respond(to: problem, origin: nil, id: RequestID(1)))
  }
}

/// A test's request was cut short.
struct IncompleteRequest: Error {}

/// What a client sees of a response.
struct Answer: Sendable {
  let status: Int
  let fields: [(name: String, value: String)]
  let body: [UInt8]
  /// Whether the request was refused before its body was read.
  let isRefusedEarly: Bool

  init(_ response: Response, isRefusedEarly: Bool = false) {
    status = response.status.code
    fields = String(decoding: response.fields.bytes, as: UTF8.self).split(separator: "\r\n").map {
      let parts = $0.split(separator: ":", maxSplits: 1)
      return (String(parts[0]), String(parts[1].dropFirst()))
    }
    body = response.body
    self.isRefusedEarly = isRefusedEarly
  }

  /// The value of a field; nil if it is missing or there twice.
  subscript(_ name: String) -> String? {
    let values = fields.filter { $0.name == name }.map(\.value)
    return values.count == 1 ? values[0] : nil
  }

  /// The body as text.
  var text: String { String(decoding: body, as: UTF8.self) }

  /// The body as JSON; fails the test if it is none.
  var json: JSONValue {
    get throws { try #require(try? JSONDocument(parsing: body), "no JSON: \(text)").root }
  }

  /// The kind of problem, if the answer is a problem document that agrees with its own status.
  var problem: String? {
    guard self["Content-Type"] == "application/problem+json", let json = try? json,
      json["status"]?.integer == Int64(status), json["title"]?.string?.isEmpty == false,
      json["detail"]?.string?.isEmpty == false, let type = json["type"]?.string,
      type.hasPrefix("/docs#")
    else { return nil }
    return String(type.dropFirst("/docs#".count))
  }

  /// The revision in `ETag`.
  var revision: Int64? {
    guard let tag = self["ETag"], tag.hasPrefix("\""), tag.hasSuffix("\"") else { return nil }
    return Int64(tag.dropFirst().dropLast())
  }
}

/// Records what was answered.
final class RecordingAPIObserver: APIObserver, Sendable {
  struct Line: Sendable, Equatable {
    let route: String
    let status: Int
    let problem: ProblemType?
    let cause: String?
  }

  private let recorded = Mutex<[Line]>([])

  var lines: [Line] { recorded.withLock { $0 } }

  func began() {}
  func ended() {}

  func answered(_ request: AnsweredRequest) {
    let line = Line(
      route: request.route.template, status: request.status.code, problem: request.problem?.type,
      cause: request.problem?.cause)
    recorded.withLock { $0.append(line) }
  }
}

/// Ignores what a store reports.
struct SilentObserver: StoreObserver {
  func cacheAnswered(_ answer: ObservedAnswer) {}
  func readBatchEnded(keys: Int, readers: Int, duration: Duration, error: StoreError?) {}
  func writeBatchEnded(writes: Int, bytes: Int, duration: Duration, error: StoreError?) {}
  func batchExecuted(operations: Int, duration: Duration, error: StoreError?) {}
  func cacheUpdateFailed(keys: Int) {}
  func publishFailed(changes: Int, error: StoreError) {}
  func refused(_ work: ObservedWork) {}
  func purged(_ report: PurgeReport) {}
}
