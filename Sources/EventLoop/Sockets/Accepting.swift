internal import Foundation

#if os(Linux)
  internal import CLinux
#endif

extension Socket {
  /// What accepting found.
  public enum AcceptResult: Sendable {
    /// A connection's descriptor: non-blocking, without Nagle's delay. It must be adopted or
    /// closed.
    case accepted(Int32)
    /// Nobody waits: wait for `readable()`.
    case wouldBlock
    /// No descriptor is left in the process or the system: try again a little later.
    case exhausted
    /// The listener is broken or closed.
    case failed
  }

  /// Takes the next waiting connection of a listening socket, without waiting.
  public func accept() -> AcceptResult {
    while true {
      let accepted = Self.acceptNonBlocking(descriptor)
      if accepted >= 0 {
        var one: Int32 = 1
        setsockopt(
          accepted, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        return .accepted(accepted)
      }
      switch errno {
      // The connection was gone before it was taken (accept(2), "Error handling").
      case EINTR, ECONNABORTED, EPROTO: continue
      case EAGAIN, EWOULDBLOCK:
        notifyDrained()
        return .wouldBlock
      case EMFILE, ENFILE, ENOBUFS, ENOMEM: return .exhausted
      default: return .failed
      }
    }
  }

  private static func acceptNonBlocking(_ listener: Int32) -> Int32 {
    #if os(Linux)
      return kv_accept4(listener)
    #else
      let accepted = Foundation.accept(listener, nil, nil)
      if accepted >= 0 {
        _ = fcntl(accepted, F_SETFD, FD_CLOEXEC)
        _ = fcntl(accepted, F_SETFL, O_NONBLOCK)
      }
      return accepted
    #endif
  }

  /// Closes a connection that nobody will adopt.
  public static func discard(_ descriptor: Int32) { _ = Foundation.close(descriptor) }
}
