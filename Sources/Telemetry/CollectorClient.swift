internal import Basics
internal import EventLoop

/// Posts documents to a collector, each on a connection of its own: there are few of them. Plain
/// HTTP/1.1, on an event loop: a process that exports spans needs no further library and no thread.
struct CollectorClient: Sendable {
  enum Answer: Equatable, Sendable {
    case status(Int)
    /// There is no connection, it broke, or there was no answer in time.
    case failed(String)
  }

  private let address: CollectorAddress
  private let loop: EventLoop

  init(_ address: CollectorAddress, on loop: EventLoop) {
    self.address = address
    self.loop = loop
  }

  /// The most bytes of an answer that are looked at. Only its first line matters.
  private static let answerBytesMax = 64 << 10

  /// Posts a document. Call it on the loop.
  func post(_ body: [UInt8], within duration: Duration) async -> Answer {
    let end = ContinuousClock.now + duration
    let hosts = await HostLookup.addresses(of: address.server.host, within: duration)
    var answer = Answer.failed("its name is not known")
    for host in hosts {
      guard
        let socket = Socket.connecting(
          to: SocketAddress(host: host, port: address.server.port), on: loop)
      else {
        answer = .failed("it refuses connections")
        continue
      }
      answer = await exchange(request(body), on: socket, until: end)
      socket.close()
      // Another address of the host may have a server.
      if case .status = answer { return answer }
    }
    return answer
  }

  private func request(_ body: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(body.count + 256)
    bytes.append(contentsOf: "POST \(address.path) HTTP/1.1\r\n".utf8)
    bytes.append(contentsOf: "Host: \(address.server)\r\n".utf8)
    bytes.append("Content-Type: application/json\r\nConnection: close\r\nContent-Length: ")
    bytes.append(decimal: Int64(body.count))
    bytes.append("\r\n\r\n")
    bytes += body
    return bytes
  }

  private func exchange(
    _ request: [UInt8], on socket: Socket, until end: ContinuousClock.Instant
  ) async -> Answer {
    var sent = 0
    while sent < request.count {
      guard await isReady(socket, until: end, { await $0.writable() }) else {
        return .failed("it does not take the request")
      }
      // A collector that refuses the request may close before it has read all of it.
      guard case .bytes(let count) = socket.write(request, from: sent) else { break }
      sent += count
    }
    var answer: [UInt8] = []
    // To the end, so that the collector can close in peace.
    reading: while answer.count < Self.answerBytesMax {
      switch socket.read(appendingTo: &answer, upTo: 16 << 10) {
      case .bytes: continue
      case .wouldBlock:
        guard await isReady(socket, until: end, { await $0.readable() }) else { break reading }
      case .end, .failed: break reading
      }
    }
    return Self.status(in: answer).map { .status($0) } ?? .failed("it does not answer")
  }

  /// Waits for a socket; false: the time is up, or the task was cancelled.
  private func isReady(
    _ socket: Socket, until end: ContinuousClock.Instant,
    _ wait: (Socket) async -> Socket.WaitResult
  ) async -> Bool {
    while !Task.isCancelled {
      let left = end - .now
      guard left > .zero else { return false }
      socket.setDeadline(after: min(left, Self.patience))
      if case .ready = await wait(socket) { return true }
    }
    return false
  }

  /// How soon a post notices that its task was cancelled.
  private static let patience = Duration.milliseconds(200)

  /// The status in `HTTP/1.1 200 OK` (RFC 9112 §4); nil: there is none.
  static func status(in answer: [UInt8]) -> Int? {
    let start = answer.prefix(12)
    guard start.count == 12, start.starts(with: "HTTP/1.".utf8), answer[8] == UInt8(ascii: " ")
    else { return nil }
    let digits = start.suffix(3).compactMap(\.decimalDigit)
    return digits.count == 3 ? digits.reduce(0) { 10 * $0 + $1 } : nil
  }
}
