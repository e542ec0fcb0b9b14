import HTTP
import Synchronization
import Testing

/// Answers with the body of the request. `/wait` is answered only once the gate is open. Three
/// paths have a stream: `/pieces` ends, `/stream` goes on, `/flood` is larger than any buffer.
final class EchoHandler: HTTPHandler {
  private let gate: Gate
  private let streams: Streams

  init(gate: Gate, streams: Streams) {
    self.gate = gate
    self.streams = streams
  }

  func admit(_ head: RequestHead, id: RequestID) throws(Refusal) -> (RequestHead, bodyBytesMax: Int)
  {
    switch String(decoding: head.path, as: UTF8.self) {
    case "/closed": throw Refusal(Response(.forbidden, body: Array("no".utf8)))
    case "/large": (head, 16 << 20)
    default: (head, 2 << 20)
    }
  }

  func respond(to head: RequestHead, body: [UInt8]) async -> Response {
    var fields = FieldBlock()
    fields.append("X-Method", head.method.name)
    let path = String(decoding: head.path, as: UTF8.self)
    if path == "/wait" { await gate.pass() }
    var response = Response(.ok, fields: fields, body: body.isEmpty ? Array(path.utf8) : body)
    response.isStreamed = ["/pieces", "/stream", "/flood"].contains(path)
    return response
  }

  func stream(_ head: RequestHead, to body: BodyStream) async {
    switch String(decoding: head.path, as: UTF8.self) {
    case "/pieces":
      for piece in ["one ", "", "two ", "three "] {
        body.wake()
        #expect(await body.wait(for: .seconds(60)) == .woken)
        #expect(await body.send { $0.append(contentsOf: piece.utf8) })
      }
      #expect(await body.wait(for: .zero) == .timedOut)
    case "/flood": while await body.send({ $0 += Array(repeating: 7, count: 100_000) }) {}
    default:
      _ = await body.send { $0.append(contentsOf: "hello".utf8) }
      while await body.wait(for: .seconds(60)) != .ended {}
      #expect(await !body.send { $0.append(1) })
    }
    streams.ended(body.ending)
  }

  func run() async {
    streams.running.store(true, ordering: .relaxed)
    defer { streams.running.store(false, ordering: .relaxed) }
    let (never, continuation) = AsyncStream<Void>.makeStream()
    // Ends when the task is cancelled.
    for await _ in never {}
    continuation.finish()
  }

  func respond(to problem: HTTPProblem, origin: [UInt8]?, id: RequestID) -> Response {
    var fields = FieldBlock()
    if let origin { fields.append("X-Origin") { $0.append(contentsOf: origin) } }
    return Response(problem.status, fields: fields, body: Array(problem.detail.utf8))
  }
}

/// Holds requests until the test opens it, and lets the test wait for the first of them.
actor Gate {
  private var isOpen = false
  private var waiting: [CheckedContinuation<Void, Never>] = []
  private var arrivals: [CheckedContinuation<Void, Never>] = []
  private var arrived = 0

  func pass() async {
    arrived += 1
    for arrival in arrivals { arrival.resume() }
    arrivals = []
    if !isOpen { await withCheckedContinuation { waiting.append($0) } }
  }

  func open() {
    isOpen = true
    for passer in waiting { passer.resume() }
    waiting = []
  }

  func awaitArrival() async {
    if arrived == 0 { await withCheckedContinuation { arrivals.append($0) } }
  }
}

/// Counts nothing.
final class SilentObserver: HTTPObserver {
  func connectionOpened() {}
  func connectionClosed() {}
  func connectionRefused() {}
  func received(bytes: Int) {}
  func sent(bytes: Int) {}
  func refused(_ status: Status) {}
}
