internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL
#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// Why a request has no answer, and what is known of it.
enum ExchangeError: Error, Equatable {
  /// The server has seen nothing of the request.
  case notSent(ClientError)
  /// The server may have carried it out.
  case lost(ClientError)
  /// The same would happen again: a wrong name, a certificate that is not trusted, a server that
  /// is none.
  case final(ClientError)

  var clientError: ClientError {
    switch self {
    case .notSent(let error), .lost(let error), .final(let error): error
    }
  }

  /// Translates an error of the HTTP client.
  /// - Parameter isSent: whether the server may have seen the request.
  init(_ error: any Error, isSent: Bool, _ address: ServerAddress) {
    if !isSent, let why = Self.reason(ofTLS: error) {
      self = .final(.insecure("the connection to \(address.host) is not secure: \(why)"))
    } else if Self.isUnknownHost(error) {
      self = .final(.unavailable("the host \(address.host) can't be found: check the address"))
    } else if let error = error as? HTTPParserError, error != .invalidEOFState {
      self = .final(.malformed("this is no answer of a key-value store: \(error)"))
    } else if isSent {
      self = .lost(.unavailable(Self.text(ofLost: error)))
    } else {
      let why = Self.reason(ofConnection: error)
      self = .notSent(
        .unavailable(
          "there is no connection to \(address.text): \(why): does a server run there?"))
    }
  }

  private static func isUnknownHost(_ error: any Error) -> Bool {
    if let error = error as? NIOConnectionError { return error.connectionErrors.isEmpty }
    return [.invalidURL, .emptyHost].contains(error as? HTTPClientError)
  }

  /// What failed in TLS; nil: it was something else.
  private static func reason(ofTLS error: any Error) -> String? {
    guard error is NIOSSLError || error is NIOSSLExtraError || error is BoringSSLError else {
      return nil
    }
    let text = "\(error)"
    if text.contains("CERTIFICATE_VERIFY_FAILED") { return "its certificate is not trusted" }
    if text.contains("WRONG_VERSION_NUMBER") { return "the server does not speak TLS" }
    return text
  }

  private static func text(ofLost error: any Error) -> String {
    if [.deadlineExceeded, .readTimeout].contains(error as? HTTPClientError) {
      return "the server did not answer in time"
    }
    // An end in the middle of an answer is all that is left of the parser's errors.
    if error as? HTTPClientError == .remoteConnectionClosed || error is HTTPParserError {
      return "the server closed the connection without a whole answer"
    }
    return "the connection broke: \(reason(ofConnection: error))"
  }

  private static func reason(ofConnection error: any Error) -> String {
    switch error {
    case let error as NIOConnectionError:
      error.connectionErrors.last.map { reason(ofConnection: $0.error) } ?? "\(error)"
    case let error as IOError: String(cString: strerror(error.errnoCode))
    case is ChannelError: "it does not answer"
    case let error as HTTPClientError:
      [.deadlineExceeded, .connectTimeout, .getConnectionFromPoolTimeout].contains(error)
        ? "it does not answer" : error.shortDescription
    default: "\(error)"
    }
  }
}
