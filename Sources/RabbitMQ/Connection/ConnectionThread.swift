import Basics
import Foundation
import Synchronization

/// A thread whose end a task awaits, but not for ever: nothing can end a thread that is looking up
/// the name of a host.
final class ConnectionThread: Sendable {
  private enum Phase {
    case running
    case awaited(CheckedContinuation<Void, Never>)
    case over
  }

  private let phase = Mutex(Phase.running)

  /// Big enough for OpenSSL's handshake.
  private static let stackBytes = 512 << 10

  init(_ name: String, _ body: @escaping @Sendable () -> Void) {
    let thread = Thread { [self] in
      // The system knows the name (`ps -T`, profilers) only if it is set on the thread itself.
      Thread.current.name = name
      body()
      giveUp()
    }
    thread.stackSize = ConnectionThread.stackBytes
    thread.start()
  }

  /// Returns when the thread has ended or was given up. For one caller.
  func ended() async {
    await withCheckedContinuation { continuation in
      let isOver = phase.withLock { phase in
        if case .over = phase { return true }
        phase = .awaited(continuation)
        return false
      }
      if isOver { continuation.resume() }
    }
  }

  /// Makes `ended` return, whatever the thread does.
  func giveUp() {
    let waiting = phase.withLock { phase -> CheckedContinuation<Void, Never>? in
      defer { phase = .over }
      if case .awaited(let continuation) = phase { return continuation }
      return nil
    }
    waiting?.resume()
  }
}

/// Ends a connection from another thread, even while its own thread blocks in the C library.
final class SocketInterrupt: Sendable {
  /// A duplicate of the connection's descriptor: the C library closes its own at any time, and the
  /// number may then belong to another file. `shutdown` acts on the socket behind both.
  private let duplicate = Mutex<Int32?>(nil)

  func watch(_ descriptor: Int32) {
    let copy = dup(descriptor)
    replace(with: copy >= 0 ? copy : nil)
  }

  func forget() { replace(with: nil) }

  private func replace(with descriptor: Int32?) {
    duplicate.withLock { duplicate in
      if let old = duplicate { close(old) }
      duplicate = descriptor
    }
  }

  /// Reading and writing on the connection fail from now on.
  func interrupt() {
    duplicate.withLock { duplicate in
      if let duplicate { _ = shutdown(duplicate, Int32(SHUT_RDWR)) }
    }
  }

  deinit { forget() }
}

/// Wakes a thread that waits in `poll`: a pipe with a byte in it.
final class Wakeup: Sendable {
  /// Readable after `signal`.
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
    _ = poll(&watched, 1, duration?.pollTimeout ?? -1)
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
  /// For `poll`, which takes at most 24 days.
  var pollTimeout: Int32 { Int32(clamping: millisecondsRoundedUp) }

  /// For the C library.
  var timeval: timeval {
    let (seconds, attoseconds) = components
    return Foundation.timeval(
      tv_sec: Int(seconds), tv_usec: Int(attoseconds / 1_000_000_000_000))
  }
}
