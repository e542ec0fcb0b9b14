internal import Foundation

#if os(Linux)
  internal import CLinux
#endif

/// A socket that clients connect to, open but not yet on a loop. Its owner closes it.
public struct Listener: Sendable {
  /// Where it listens; the port is never 0.
  public let address: SocketAddress
  let descriptor: Int32

  /// Connections that may wait to be accepted; the kernel lowers it to `net.core.somaxconn`.
  private static let backlog: Int32 = 4_096

  /// Opens `count` listeners on one address, among which the kernel spreads connections.
  ///
  /// Throws `ListenError`: the address is taken, not this host's, or not allowed.
  public static func open(_ address: SocketAddress, count: Int) throws(ListenError) -> [Listener] {
    // With SO_REUSEPORT a second server of the same user would quietly share the port and take half
    // of the connections: the first bind goes without, to find the port taken.
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

  /// Closes it, unless a `Socket` has taken it over.
  public func close() { _ = Foundation.close(descriptor) }

  private init(opening address: SocketAddress, sharesPort: Bool) throws(ListenError) {
    var hints = addrinfo()
    hints.ai_flags = AI_PASSIVE
    hints.ai_socktype = streamType
    var list: UnsafeMutablePointer<addrinfo>?
    let host = address.host.isEmpty ? nil : address.host
    let code = getaddrinfo(host, String(address.port), &hints, &list)
    guard code == 0, let first = list else {
      throw ListenError(address: address, cause: String(cString: gai_strerror(code)))
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
      // The port stands at the same place in sockaddr_in and sockaddr_in6 (RFC 3493 §3.3).
      return pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
        UInt16(bigEndian: $0.pointee.sin_port)
      }
    }
  }
}

/// A server can't listen where it was told to.
public struct ListenError: Error, CustomStringConvertible, Sendable {
  /// Where it was told to listen.
  public let address: SocketAddress
  /// The operating system's words.
  public let cause: String

  init(address: SocketAddress, cause: String = String(cString: strerror(errno))) {
    self.address = address
    self.cause = cause
  }

  /// What happened.
  public var description: String { "can't listen on \(address): \(cause)" }
}

#if os(Linux)
  private let streamType = Int32(SOCK_STREAM.rawValue)
#else
  private let streamType = SOCK_STREAM
#endif
