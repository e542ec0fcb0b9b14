#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// Writes to a descriptor until all is written or the reader is gone.
struct DescriptorOutput {
  let descriptor: Int32

  /// Blocks while the reader is slow, also when somebody has made the descriptor non-blocking: a
  /// pipe's flags belong to everybody who holds it.
  func send(_ bytes: [UInt8]) {
    var rest = bytes
    while !rest.isEmpty {
      let count = write(descriptor, rest, rest.count)
      if count > 0 {
        rest.removeFirst(count)
      } else if errno == EAGAIN {
        var interest = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        _ = poll(&interest, 1, -1)
      } else if errno != EINTR {
        return  // nobody reads the log any more, and there is nowhere to say so
      }
    }
  }
}
