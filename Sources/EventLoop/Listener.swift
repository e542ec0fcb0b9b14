internal import Foundation

#if os(Linux)
  internal import CLinux
#endif

/// A listening socket that is not yet on a loop. Its owner closes it.
public struct Listener: Sendable {
  /// Where the socket listens; the port is never 0.
  public let address: SocketAddress
  let descriptor: Int32

  /// The most connections that may wait to be accepted; the kernel lowers it to
  /// `net.core.somaxconn`.
  private static let backlog: Int32 = 4_096

  /// Opens `count` listeners on one address. The kernel spreads connections among them.
  ///
  /// Throws `ListenError` if the address is taken, not allowed, or not an address of this host.
  public static func open(_ address: SocketAddress, count: Int) throws(ListenError) -> [Listener] {
    // With SO_REUSEPORT a second server of the same user would silently share the port and take
    // half of the connections. So the first bind does without, and fails if the port is taken.
    let probe = try Listener(opening: address, sharesPort: false)
    let actual = probe.address
    probe.close()
    var listeners: [Listener] = []
    do throws(ListenError) {
      for _ in 0..<count { listeners.append(try Listener(opening: actual, sharesPort: true)) }
    } catch {
      for listener in listeners { listener.close() }
      throw error
    }
    return listeners
  }

  /// Closes the socket. Not to be called once a `Socket` has adopted it.
  public func close() { _ = Foundation.close(descriptor) }

  private init(opening address: SocketAddress, sharesPort: Bool) throws(ListenError) {
    var hints = addrinfo()
    hints.ai_flags = AI_PASSIVE
    hints.ai_socktype = streamType
    var list: UnsafeMutablePointer<addrinfo>?
    let host = address.host.isEmpty ? nil : address.host
    let code = getaddrinfo(host, String(address.port), &hints, &list)
    guard code == 0, let first = list else {
      throw ListenError(
        address: address, reason: .notHere, cause: String(cString: gai_strerror(code)))
    }
    defer { freeaddrinfo(list) }

    descriptor = socket(first.pointee.ai_family, streamType, 0)
    guard descriptor >= 0 else { throw ListenError(address: address) }
    Self.set(descriptor, SO_REUSEADDR)
    if sharesPort { Self.set(descriptor, SO_REUSEPORT) }
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    guard bind(descriptor, first.pointee.ai_addr, first.pointee.ai_addrlen) == 0,
      listen(descriptor, Self.backlog) == 0
    else {
      let error = ListenError(address: address)
      _ = Foundation.close(descriptor)
      throw error
    }
    self.address = SocketAddress(host: address.host, port: Self.port(of: descriptor))
  }

  private static func set(_ descriptor: Int32, _ option: Int32) {
    var one: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, option, &one, socklen_t(MemoryLayout<Int32>.size))
  }

  private static func port(of descriptor: Int32) -> UInt16 {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    return withUnsafeMutablePointer(to: &storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        _ = getsockname(descriptor, address, &length)
      }
      // The port is at the same offset in sockaddr_in and sockaddr_in6 (RFC 3493 §3.3).
      return pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
        UInt16(bigEndian: $0.pointee.sin_port)
      }
    }
  }
}

/// A server can't listen at the address that it was given.
public struct ListenError: Error, CustomStringConvertible, Sendable {
  /// What is in the way, as far as an operator can do something about it.
  public enum Reason: Sendable {
    /// Something else listens there.
    case taken
    /// This process may not use the port.
    case forbidden
    /// The address is not one of this machine, or the system has another objection.
    case notHere
  }

  public let address: SocketAddress
  public let reason: Reason
  /// The system's message.
  public let cause: String

  init(address: SocketAddress, reason: Reason, cause: String) {
    self.address = address
    self.reason = reason
    self.cause = cause
  }

  /// From the code of a call that has failed.
  init(address: SocketAddress, code: Int32 = errno) {
    let reason: Reason =
      switch code {
      case EADDRINUSE: .taken
      case EACCES: .forbidden
      default: .notHere
      }
    self.init(address: address, reason: reason, cause: String(cString: strerror(code)))
  }

  public var description: String { "can't listen on \(address): \(cause)" }
}

#if os(Linux)
  let streamType = Int32(SOCK_STREAM.rawValue)
#else
  let streamType = SOCK_STREAM
#endif

/// The address of a server: `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080` or `:8080` (every
/// address of this host).
public struct SocketAddress: Equatable, Sendable, CustomStringConvertible {
  /// An IPv4 or IPv6 address, or a host name. An empty text means every address of this host.
  public let host: String
  /// 0 to 65,535. With 0 the system chooses a free port.
  public let port: UInt16

  public init(host: String, port: UInt16) {
    self.host = host
    self.port = port
  }

  /// Parses `host:port`, where an IPv6 address is in brackets.
  public init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":"),
      let port = UInt16(text[text.index(after: colon)...])
    else { return nil }
    var host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
    } else if host.contains(":") {
      return nil
    }
    self.init(host: String(host), port: port)
  }

  /// Whether only this host can reach the address. A host name that begins with `127.` may belong
  /// to any host.
  public var isLoopback: Bool {
    let isNumeric = host.utf8.allSatisfy {
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: ".")
    }
    return host == "localhost" || host == "::1" || (isNumeric && host.hasPrefix("127."))
  }

  /// `host:port`, as it is parsed.
  public var description: String {
    host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
  }
}
