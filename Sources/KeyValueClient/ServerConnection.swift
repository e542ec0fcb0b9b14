internal import Basics

/// A kept connection to the server: sends one request at a time, and reads its answer.
///
/// Not `Sendable`: one task uses it. Its calls block their thread while they wait for the socket.
final class ServerConnection {
  private let address: ServerAddress
  private let trust: TrustedCertificates?
  private var socket: ClientSocket?

  /// Connects at the first request.
  init(_ address: ServerAddress, trust: TrustedCertificates?) {
    self.address = address
    self.trust = trust
  }

  /// Sends a request and returns the whole answer.
  func send(
    _ request: ClientRequest, until deadline: MonotonicTime
  ) async throws(ExchangeError) -> Answer {
    var head = AnswerHead(status: 0)
    var body: [UInt8] = []
    try await exchange(request, until: { deadline }) { event in
      switch event {
      case .head(let found): head = found
      case .body(let bytes): body += bytes
      case .end: return false
      }
      return true
    }
    return Answer(head: head, body: body)
  }

  /// Sends a request and passes on its answer as it arrives, until the answer ends or `receive`
  /// returns false. `deadline` is asked for before each wait.
  func exchange(
    _ request: ClientRequest, until deadline: () -> MonotonicTime,
    _ receive: (ResponseParser.Event) async -> Bool
  ) async throws(ExchangeError) {
    // A server may close a kept connection while it is idle. What may be sent once only gets a
    // new connection; the rest is sent again on one.
    if request.repetition == .ifNothingWasDone { socket = nil }
    let wasKept = socket != nil
    do throws(ExchangeError) {
      try await attempt(request, until: deadline, receive)
    } catch {
      socket = nil
      guard wasKept, error == .closedBeforeAnswer else { throw error }
      try await attempt(request, until: deadline, receive)
    }
  }

  private func attempt(
    _ request: ClientRequest, until deadline: () -> MonotonicTime,
    _ receive: (ResponseParser.Event) async -> Bool
  ) async throws(ExchangeError) {
    let socket = try connected(until: deadline())
    var parser = ResponseParser(isHead: request.method == "HEAD")
    var isEmpty = true
    do throws(ConnectionError) {
      try socket.write(bytes(of: request), until: deadline())
    } catch {
      // The server may have answered before it had read all, as with 413.
      guard case .broken = error else { throw .lost(error) }
    }
    while true {
      let bytes: [UInt8]
      do throws(ConnectionError) {
        bytes = try socket.read(until: deadline())
      } catch {
        throw isEmpty && error != .timedOut ? .closedBeforeAnswer : .lost(error)
      }
      if bytes.isEmpty, isEmpty { throw .closedBeforeAnswer }
      isEmpty = false
      let events: [ResponseParser.Event]
      do throws(MalformedAnswer) {
        events = bytes.isEmpty ? try parser.close() : try parser.feed(bytes)
      } catch {
        throw bytes.isEmpty ? .lost(.broken(error.why)) : .malformed(error.why)
      }
      for event in events {
        if event == .end {
          if !parser.isReusable { self.socket = nil }
          _ = await receive(event)
          return
        }
        guard await receive(event) else {
          self.socket = nil
          return
        }
      }
    }
  }

  private func connected(until deadline: MonotonicTime) throws(ExchangeError) -> ClientSocket {
    if let socket { return socket }
    do throws(ConnectionError) {
      let made = try ClientSocket(address, trust: trust, until: deadline)
      socket = made
      return made
    } catch {
      throw .notSent(error)
    }
  }

  private func bytes(of request: ClientRequest) -> [UInt8] {
    var head = "\(request.method) \(address.pathPrefix)\(request.target) HTTP/1.1\r\n"
    head += "Host: \(address.authority)\r\n"
    for field in request.fields { head += "\(field.name): \(field.value)\r\n" }
    if let body = request.body { head += "Content-Length: \(body.count)\r\n" }
    head += "\r\n"
    return Array(head.utf8) + (request.body ?? [])
  }
}

/// Why an exchange has no answer.
enum ExchangeError: Error, Equatable {
  /// There was no connection to send on.
  case notSent(ConnectionError)
  /// The connection was closed before the first byte of an answer: on one that was kept, the
  /// server had most likely closed it before it saw the request.
  case closedBeforeAnswer
  /// The connection broke, or the time was over.
  case lost(ConnectionError)
  case malformed(String)
}
