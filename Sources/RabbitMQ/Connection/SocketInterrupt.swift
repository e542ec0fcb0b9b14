import Foundation
import Synchronization

/// Ends a connection from another thread, even while its own is held up in the C library.
final class SocketInterrupt: Sendable {
  /// A duplicate of the connection's descriptor: the C library closes its own when it likes, and
  /// the number might be another file's by now. `shutdown` works on the socket behind both.
  private let duplicate = Mutex<Int32?>(nil)

  func watch(_ descriptor: Int32) {
    let copy = dup(descriptor)
    duplicate.withLock { duplicate in
      if let old = duplicate { close(old) }
      duplicate = copy >= 0 ? copy : nil
    }
  }

  func forget() {
    duplicate.withLock { duplicate in
      if let old = duplicate { close(old) }
      duplicate = nil
    }
  }

  /// Whatever reads or writes there fails from now on.
  func interrupt() {
    duplicate.withLock { duplicate in
      if let duplicate { _ = shutdown(duplicate, Int32(SHUT_RDWR)) }
    }
  }

  deinit { forget() }
}
