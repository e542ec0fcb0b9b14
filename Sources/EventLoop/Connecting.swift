internal import Foundation

extension Socket {
  /// Begins a connection to an IP address. Nil: it has failed already.
  ///
  /// It is made once `writable()` returns, or has failed then: the next write shows which. Call it
  /// on the loop's thread.
  public static func connecting(to address: SocketAddress, on loop: EventLoop) -> Socket? {
    var hints = addrinfo()
    // No name is looked up, so nothing blocks.
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
    hints.ai_socktype = streamType
    var list: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(address.host, String(address.port), &hints, &list) == 0,
      let target = list?.pointee
    else { return nil }
    defer { freeaddrinfo(list) }
    let descriptor = socket(target.ai_family, streamType, 0)
    guard descriptor >= 0 else { return nil }
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    guard connect(descriptor, target.ai_addr, target.ai_addrlen) == 0 || errno == EINPROGRESS else {
      _ = Foundation.close(descriptor)
      return nil
    }
    return Socket(connecting: descriptor, on: loop)
  }
}
