import Foundation

/// Wakes a thread that waits in `poll`: a pipe with a byte in it.
final class Wakeup: Sendable {
  /// Readable once somebody has signalled.
  let descriptor: Int32
  private let writeEnd: Int32

  init() {
    var ends: [Int32] = [-1, -1]
    precondition(pipe(&ends) == 0, "A process needs two descriptors for each connection")
    for end in ends {
      _ = fcntl(end, F_SETFL, fcntl(end, F_GETFL) | O_NONBLOCK)
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
    }
    (descriptor, writeEnd) = (ends[0], ends[1])
  }

  deinit {
    close(descriptor)
    close(writeEnd)
  }

  /// Ends the present wait, or else the next one.
  func signal() {
    // A full pipe is a signal already.
    withUnsafeTemporaryAllocation(byteCount: 1, alignment: 1) { byte in
      byte[0] = 0
      _ = write(writeEnd, byte.baseAddress, 1)
    }
  }

  /// Waits for a signal, or until the time is over. Nil waits for ever.
  func wait(for duration: Duration?) {
    var watched = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    _ = poll(&watched, 1, duration.map { $0.millisecondsRoundedUp } ?? -1)
    clear()
  }

  /// Takes the signals out.
  func clear() {
    withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) { bytes in
      while read(descriptor, bytes.baseAddress, bytes.count) == bytes.count {}
    }
  }
}

extension Duration {
  /// For `poll`, at most a day.
  var millisecondsRoundedUp: Int32 {
    let (seconds, attoseconds) = min(self, .seconds(86_400)).components
    if seconds < 0 || attoseconds < 0 { return 0 }
    return Int32(seconds * 1_000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
  }

  /// For the C library.
  var timeval: timeval {
    let (seconds, attoseconds) = components
    return Foundation.timeval(
      tv_sec: Int(seconds), tv_usec: Int(attoseconds / 1_000_000_000_000))
  }
}
