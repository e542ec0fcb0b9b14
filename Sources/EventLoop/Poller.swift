/// How a loop learns which sockets are ready: all that it sees of the operating system.
///
/// Every method but `wake()` is called on the loop's thread.
protocol Poller: AnyObject {
  /// The sockets being watched.
  var sockets: SocketTable { get }

  /// Whether the poller reports `.ended` together with the last data. Only then does a short read
  /// mean that the socket is empty.
  var reportsEnd: Bool { get }

  /// Starts to watch a socket in both directions.
  func add(_ socket: Socket)

  /// Stops watching a socket and closes its descriptor. The socket receives no further report.
  func removeAndClose(_ socket: Socket)

  /// Asks for a report of `interest` again, after the last one was used up. An edge-triggered
  /// poller needs no such call.
  func rearm(_ socket: Socket, for interest: Readiness)

  /// Waits for events, for at most `duration` (nil means for ever), and tells each socket what it
  /// is ready for.
  func wait(for duration: Duration?)

  /// Ends the current `wait`, or else the next one. Any thread may call it.
  func wake()
}

/// What a socket can do without blocking.
struct Readiness: OptionSet {
  let rawValue: UInt8
  /// There is something to read: data, the end, or an error.
  static let readable = Readiness(rawValue: 1)
  /// There is room to write.
  static let writable = Readiness(rawValue: 2)
  /// The peer has closed, or the connection is broken: no further edge will come.
  static let ended = Readiness(rawValue: 4)
}

/// The interface of the operating system that a loop waits on (`KV_IO`).
public enum PollerBackend: String, CaseIterable, Sendable {
  /// epoll(7), edge-triggered. Linux only; a request costs half the CPU time.
  case epoll
  /// DispatchSource, on every platform that has Dispatch.
  case dispatch

  /// epoll where the platform has it.
  public static var platformDefault: PollerBackend {
    #if os(Linux)
      .epoll
    #else
      .dispatch
    #endif
  }

  func makePoller() throws -> any Poller {
    switch self {
    case .dispatch: return DispatchPoller()
    case .epoll:
      #if os(Linux)
        return try EpollPoller()
      #else
        throw PollerUnavailable(backend: self)
      #endif
    }
  }
}

/// The platform has no such interface.
private struct PollerUnavailable: Error, CustomStringConvertible {
  let backend: PollerBackend
  var description: String { "\(backend.rawValue) does not exist on this platform; use dispatch" }
}

/// The sockets that a poller watches, each under a token that no later socket gets.
///
/// A batch of events can name a socket that an earlier event of the same batch has closed. Its
/// token then finds nothing.
final class SocketTable {
  private var slots: [Slot] = []
  private var free: [Int] = []

  private struct Slot {
    var socket: Socket?
    var generation: UInt32
  }

  /// Keeps `socket` and returns its token.
  func insert(_ socket: Socket) -> UInt64 {
    let index: Int
    if let reused = free.popLast() {
      index = reused
    } else {
      index = slots.count
      slots.append(Slot(socket: nil, generation: 0))
    }
    slots[index].socket = socket
    return UInt64(slots[index].generation) << 32 | UInt64(index)
  }

  /// Forgets the socket of `token`.
  func remove(_ token: UInt64) {
    let index = Int(token & 0xFFFF_FFFF)
    slots[index].socket = nil
    slots[index].generation &+= 1
    free.append(index)
  }

  /// The socket of `token`; nil if it has been removed.
  subscript(token: UInt64) -> Socket? {
    let slot = slots[Int(token & 0xFFFF_FFFF)]
    return slot.generation == UInt32(token >> 32) ? slot.socket : nil
  }

  /// Calls `body` with every socket. `body` may remove that socket.
  func forEach(_ body: (Socket) -> Void) {
    for index in slots.indices {
      if let socket = slots[index].socket { body(socket) }
    }
  }
}
