internal import AsyncHTTPClient
internal import Basics
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL
internal import Synchronization

/// A kept connection to the server: sends one request at a time, and reads its answer.
///
/// Not `Sendable`: one task uses it.
final class ServerConnection {
  private let configuration: ClientConfiguration
  private var http: HTTPClient
  /// Whether the next request finds a connection that carried one before.
  private var isKept = false

  /// One thread carries all connections of the program, and ends with it.
  private static let loop = MultiThreadedEventLoopGroup(numberOfThreads: 1)

  /// Connects at the first request.
  init(_ configuration: ClientConfiguration) {
    self.configuration = configuration
    http = Self.makeClient(configuration)
  }

  // Nobody has to wait for it: the loop goes on.
  deinit { http.shutdown { _ in } }

  private static func makeClient(_ configuration: ClientConfiguration) -> HTTPClient {
    var settings = HTTPClient.Configuration(
      tlsConfiguration: configuration.trust?.configuration, redirectConfiguration: .disallow,
      timeout: .init(read: .nanoseconds(configuration.silenceMax.nanoseconds)))
    settings.httpVersion = .http1Only
    settings.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 1
    // What is sent again, and when, is for RetryPolicy to say.
    settings.connectionPool.retryConnectionEstablishment = false
    return HTTPClient(eventLoopGroup: loop, configuration: settings)
  }

  /// Sends a request and returns the whole answer.
  func send(
    _ request: ClientRequest, until deadline: MonotonicTime
  ) async throws(ExchangeError) -> Answer {
    // A server may close a kept connection while it is idle. What may be sent once only gets a
    // new connection; the rest is sent again on one.
    if isKept, request.repetition == .ifNothingWasDone {
      http.shutdown { _ in }
      http = Self.makeClient(configuration)
      isKept = false
    }
    let wasKept = isKept
    do throws(ExchangeError) {
      return try await attempt(request, until: deadline)
    } catch {
      guard wasKept, case .lost = error, MonotonicTime.now() < deadline else { throw error }
    }
    do throws(ExchangeError) {
      return try await attempt(request, until: deadline)
    } catch {
      // The first one may have been carried out.
      guard case .notSent(let failure) = error else { throw error }
      throw .lost(failure)
    }
  }

  private func attempt(
    _ request: ClientRequest, until deadline: MonotonicTime
  ) async throws(ExchangeError) -> Answer {
    let collector = AnswerCollector()
    do {
      let message = try HTTPClient.Request(
        url: url(of: request), method: HTTPMethod(rawValue: request.method),
        headers: headers(of: request), body: request.body.map { .byteBuffer(ByteBuffer(bytes: $0)) }
      )
      let left = TimeAmount.nanoseconds(MonotonicTime.now().duration(to: deadline).nanoseconds)
      let answer = try await http.execute(
        request: message, delegate: collector, deadline: .now() + left
      ).get()
      isKept = true
      return answer
    } catch {
      isKept = false
      throw ExchangeError(error, isSent: collector.isSent, configuration.address)
    }
  }

  /// Sends a request and passes on the body of its answer as it arrives, until it ends or `receive`
  /// returns false. An answer of 400 or more is thrown.
  func stream(
    _ request: ClientRequest, _ receive: ([UInt8]) async throws(ClientError) -> Bool
  ) async throws(ClientError) {
    var isAnswered = false
    do {
      var message = HTTPClientRequest(url: url(of: request))
      message.method = HTTPMethod(rawValue: request.method)
      message.headers = headers(of: request)
      let response = try await http.execute(
        message, timeout: .nanoseconds(configuration.silenceMax.nanoseconds))
      isAnswered = true
      let head = AnswerHead(response.status, response.headers)
      guard head.status < 400 else {
        let body = try await response.body.collect(upTo: 1 << 20)
        throw ClientError.refused(Problem(Answer(head: head, body: Array(body.readableBytesView))))
      }
      for try await part in response.body {
        guard try await receive(Array(part.readableBytesView)) else { return }
      }
    } catch let error as ClientError {
      throw error
    } catch {
      throw ExchangeError(error, isSent: isAnswered, configuration.address).clientError
    }
  }

  private func url(of request: ClientRequest) -> String {
    configuration.address.text + request.target
  }

  private func headers(of request: ClientRequest) -> HTTPHeaders {
    var headers = HTTPHeaders([("Host", configuration.address.authority)])
    for field in request.fields { headers.add(name: field.name, value: field.value) }
    return headers
  }
}

/// The certificates that a server's has to be signed by.
package struct TrustedCertificates: Sendable {
  let configuration: TLSConfiguration

  /// - Parameter file: the PEM file of the certificates; nil: those that this machine trusts.
  /// - Returns: nil if there are no certificates in the file.
  package init?(file: String?) {
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.minimumTLSVersion = .tlsv12
    if let file {
      guard let found = try? NIOSSLCertificate.fromPEMFile(file), !found.isEmpty else { return nil }
      configuration.trustRoots = .certificates(found)
    }
    self.configuration = configuration
  }
}

/// Gathers an answer on the loop.
private final class AnswerCollector: HTTPClientResponseDelegate {
  private struct State {
    var isSent = false
    var head = AnswerHead(status: 0)
    var body: [UInt8] = []
  }

  private let state = Mutex(State())

  /// Whether the server may have seen the request.
  var isSent: Bool { state.withLock { $0.isSent } }

  func didSendRequestHead(task: HTTPClient.Task<Answer>, _ head: HTTPRequestHead) {
    state.withLock { $0.isSent = true }
  }

  func didReceiveHead(
    task: HTTPClient.Task<Answer>, _ head: HTTPResponseHead
  ) -> EventLoopFuture<Void> {
    state.withLock { $0.head = AnswerHead(head.status, head.headers) }
    return task.eventLoop.makeSucceededVoidFuture()
  }

  func didReceiveBodyPart(
    task: HTTPClient.Task<Answer>, _ buffer: ByteBuffer
  ) -> EventLoopFuture<Void> {
    state.withLock { $0.body += buffer.readableBytesView }
    return task.eventLoop.makeSucceededVoidFuture()
  }

  func didFinishRequest(task: HTTPClient.Task<Answer>) -> Answer {
    state.withLock { Answer(head: $0.head, body: $0.body) }
  }
}

extension AnswerHead {
  fileprivate init(_ status: HTTPResponseStatus, _ headers: HTTPHeaders) {
    self.init(
      status: Int(status.code),
      fields: headers.map { Field(name: $0.name.lowercased(), value: $0.value) })
  }
}
