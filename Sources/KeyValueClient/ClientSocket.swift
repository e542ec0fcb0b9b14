internal import Basics
internal import CTLS
#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// A connection to a server, plain or with TLS. Its calls block until they are done or a deadline
/// has passed. Used by one task at a time.
final class ClientSocket {
  private let descriptor: Int32
  /// OpenSSL's `SSL`, which this socket owns; nil: the connection is plain.
  private var tls: OpaquePointer?

  /// Connects to a host: tries its addresses one after the other.
  init(_ address: ServerAddress, trust: TrustedCertificates?, until deadline: MonotonicTime)
    throws(ConnectionError)
  {
    descriptor = try Self.connect(address, until: deadline)
    guard let trust else { return }
    // If one of these throws, deinit frees what there is: all properties have a value.
    tls = try trust.session(on: descriptor, host: address.host)
    try handshake(address.host, until: deadline)
  }

  deinit {
    // SSL_free is a no-op on NULL. The descriptor stays the caller's (SSL_set_fd: BIO_NOCLOSE).
    SSL_free(tls)
    close(descriptor)
  }

  /// Sends all bytes.
  func write(_ bytes: [UInt8], until deadline: MonotonicTime) throws(ConnectionError) {
    var sent = 0
    while sent < bytes.count {
      sent += try transfer(.write, until: deadline) { descriptor, tls in
        bytes.withUnsafeBytes { buffer in
          let left = UnsafeRawBufferPointer(rebasing: buffer[sent...])
          // SSL_write takes an int.
          let count = min(left.count, 1 << 20)
          guard let tls else {
            return send(descriptor, left.baseAddress, count, Int32(MSG_NOSIGNAL))
          }
          return Int(SSL_write(tls, left.baseAddress, Int32(count)))
        }
      }
    }
  }

  /// The bytes that have arrived; waits for the first. Empty: the server has closed the connection.
  func read(until deadline: MonotonicTime) throws(ConnectionError) -> [UInt8] {
    let size = 64 << 10
    var bytes = [UInt8](repeating: 0, count: size)
    let count = try transfer(.read, until: deadline) { descriptor, tls in
      bytes.withUnsafeMutableBytes { buffer in
        guard let tls else { return recv(descriptor, buffer.baseAddress, size, 0) }
        return Int(SSL_read(tls, buffer.baseAddress, Int32(size)))
      }
    }
    bytes.removeLast(size - count)
    return bytes
  }

  // MARK: Waiting

  private enum Direction { case read, write }

  /// Repeats `call` until it does something; 0 means that the connection is closed.
  private func transfer(
    _ direction: Direction, until deadline: MonotonicTime,
    _ call: (Int32, OpaquePointer?) -> Int
  ) throws(ConnectionError) -> Int {
    while true {
      ERR_clear_error()
      let count = call(descriptor, tls)
      let code = errno
      if count > 0 { return count }
      guard let tls else {
        if count == 0, direction == .read { return 0 }
        if code == EINTR { continue }
        guard code == EAGAIN else { throw .broken(Self.text(of: code)) }
        try Self.wait(for: direction, descriptor, until: deadline)
        continue
      }
      switch SSL_get_error(tls, Int32(count)) {
      case SSL_ERROR_WANT_READ: try Self.wait(for: .read, descriptor, until: deadline)
      case SSL_ERROR_WANT_WRITE: try Self.wait(for: .write, descriptor, until: deadline)
      case SSL_ERROR_ZERO_RETURN: return 0
      // The connection ended without a farewell of TLS: the body may be cut off, which its length
      // shows.
      case SSL_ERROR_SYSCALL where code == 0: return 0
      default: throw .broken(Self.reason() ?? Self.text(of: code))
      }
    }
  }

  private static func wait(
    for direction: Direction, _ descriptor: Int32, until deadline: MonotonicTime
  ) throws(ConnectionError) {
    while true {
      let left = MonotonicTime.now().duration(to: deadline).millisecondsRoundedUp
      guard left > 0 else { throw .timedOut }
      var entry = pollfd(
        fd: descriptor, events: Int16(direction == .read ? POLLIN : POLLOUT), revents: 0)
      let count = poll(&entry, 1, Int32(clamping: left))
      if count > 0 { return }
      guard count == 0 || errno == EINTR else { throw .broken(text(of: errno)) }
    }
  }

  // MARK: Connecting

  private static func connect(
    _ address: ServerAddress, until deadline: MonotonicTime
  ) throws(ConnectionError) -> Int32 {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(address.host, String(address.port), &hints, &list)
    guard code == 0 else {
      throw .unknownHost(address.host, String(cString: gai_strerror(code)))
    }
    defer { freeaddrinfo(list) }
    var failure = ConnectionError.timedOut
    var next = list
    while let found = next?.pointee {
      next = found.ai_next
      // Each address gets its share of the time, so that one that does not answer is not the last.
      let rest = MonotonicTime.now().duration(to: deadline)
      let share = next == nil ? deadline : MonotonicTime.now().adding(rest / 2)
      do throws(ConnectionError) {
        return try connect(found, address, until: share)
      } catch {
        failure = error
      }
    }
    throw failure
  }

  private static func connect(
    _ found: addrinfo, _ address: ServerAddress, until deadline: MonotonicTime
  ) throws(ConnectionError) -> Int32 {
    let kind = found.ai_socktype | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    let descriptor = socket(found.ai_family, kind, found.ai_protocol)
    guard descriptor >= 0 else { throw .broken(text(of: errno)) }
    do throws(ConnectionError) {
      if systemConnect(descriptor, found) != 0 {
        guard errno == EINPROGRESS else { throw .notConnected(address.text, text(of: errno)) }
        do throws(ConnectionError) {
          try wait(for: .write, descriptor, until: deadline)
        } catch {
          throw .notConnected(address.text, "it does not answer")
        }
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size)
        guard code == 0 else { throw .notConnected(address.text, text(of: code)) }
      }
      var one: Int32 = 1
      setsockopt(
        descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
      return descriptor
    } catch {
      close(descriptor)
      throw error
    }
  }

  private func handshake(_ host: String, until deadline: MonotonicTime) throws(ConnectionError) {
    while true {
      ERR_clear_error()
      let code = SSL_connect(tls)
      if code == 1 { return }
      switch SSL_get_error(tls, code) {
      case SSL_ERROR_WANT_READ: try Self.wait(for: .read, descriptor, until: deadline)
      case SSL_ERROR_WANT_WRITE: try Self.wait(for: .write, descriptor, until: deadline)
      default:
        let verdict = SSL_get_verify_result(tls)
        guard verdict == X509_V_OK else {
          throw .untrusted(host, String(cString: X509_verify_cert_error_string(verdict)))
        }
        throw .untrusted(host, Self.reason() ?? "the server closed the connection")
      }
    }
  }

  private static func text(of code: Int32) -> String { String(cString: strerror(code)) }

  /// What OpenSSL says about the last failure.
  fileprivate static func reason() -> String? {
    let code = ERR_get_error()
    return code == 0 ? nil : ERR_reason_error_string(code).map { String(cString: $0) }
  }
}

/// The certificates that a server's has to be signed by.
///
/// `@unchecked Sendable`: it owns one `SSL_CTX`, which is not changed after `init`; OpenSSL counts
/// its references atomically and lets several threads make sessions from it (SSL_CTX_new(3)).
package final class TrustedCertificates: @unchecked Sendable {
  private let context: OpaquePointer

  /// - Parameter file: the PEM file of the certificates; nil: those that this machine trusts.
  package init(file: String?) throws(ConnectionError) {
    guard let context = SSL_CTX_new(TLS_client_method()) else {
      throw .untrusted("", "TLS is not available")
    }
    self.context = context
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
    kv_require_tls_1_2(context)
    if let file {
      guard SSL_CTX_load_verify_locations(context, file, nil) == 1 else {
        throw .certificates(file)
      }
    } else {
      // The folder that OpenSSL was built with. SSL_CERT_FILE and SSL_CERT_DIR name others.
      SSL_CTX_set_default_verify_paths(context)
    }
  }

  deinit { SSL_CTX_free(context) }

  /// A session for a connection to `host`, whose name or address the certificate has to carry.
  fileprivate func session(
    on descriptor: Int32, host: String
  ) throws(ConnectionError) -> OpaquePointer {
    guard let session = SSL_new(context), SSL_set_fd(session, descriptor) == 1 else {
      throw .untrusted(host, "TLS is not available")
    }
    let parameters = SSL_get0_param(session)
    if X509_VERIFY_PARAM_set1_ip_asc(parameters, host) != 1 {
      SSL_set1_host(session, host)
      kv_set_server_name(session, host)
    }
    return session
  }
}

/// Why there is no connection, or why it broke.
package enum ConnectionError: Error, Equatable, Sendable {
  case unknownHost(String, String)
  /// Nothing was sent.
  case notConnected(String, String)
  /// The certificate is not trusted, or the other side does not speak TLS. Nothing was sent.
  case untrusted(String, String)
  /// There are no certificates in this file.
  case certificates(String)
  case timedOut
  case broken(String)
}

// `connect` is also a member of the socket.
private func systemConnect(_ descriptor: Int32, _ found: addrinfo) -> Int32 {
  connect(descriptor, found.ai_addr, found.ai_addrlen)
}
