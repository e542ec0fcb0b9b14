import CPostgres
import Dispatch
import Synchronization

/// Asks a server to cancel what a connection's session is doing.
///
/// `@unchecked Sendable`: "PQcancel … is thread-safe, since it does not look at the PGconn" (libpq,
/// §34.7), and nothing else uses the handle.
final class Canceller: @unchecked Sendable {
  private let handle: OpaquePointer?

  /// For a connection that is established.
  init(of connection: OpaquePointer) { handle = PQgetCancel(connection) }

  deinit { PQfreeCancel(handle) }

  /// Requests that wait for their server, in the whole process: one that hangs may keep them for
  /// as long as it hangs.
  private static let waiting = Atomic(0)
  private static let waitingMax = 8
  private static let queue = DispatchQueue(label: "database-cancel", attributes: .concurrent)

  /// Sends a request, on a thread that may block. False: too many wait already.
  func cancel() -> Bool {
    guard handle != nil, Self.waiting.load(ordering: .relaxed) < Self.waitingMax else {
      return false
    }
    Self.waiting.add(1, ordering: .relaxed)
    Self.queue.async { [self] in
      var message = [CChar](repeating: 0, count: 256)
      _ = PQcancel(handle, &message, Int32(message.count))
      Self.waiting.subtract(1, ordering: .relaxed)
    }
    return true
  }
}
