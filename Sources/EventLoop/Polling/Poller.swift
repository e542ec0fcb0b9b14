/// How a loop hears of ready sockets: the whole of the operating system that it sees.
///
/// Everything but `wake()` is called on the loop's thread.
protocol Poller: AnyObject {
  /// The sockets being watched.
  var sockets: SocketTable { get }

  /// Whether `.ended` is told along with the last data: only then has a short read emptied a
  /// socket.
  var tellsEnd: Bool { get }

  /// Starts to watch a socket, for both directions.
  func add(_ socket: Socket)

  /// Stops to watch a socket and closes its descriptor. It is told of nothing any more.
  func removeAndClose(_ socket: Socket)

  /// Somebody waits for `interest` again after it was used up. An edge-triggered poller knows
  /// already.
  func rearm(_ socket: Socket, for interest: Readiness)

  /// Waits for events at most so long (nil: for ever) and tells each socket what it is ready for.
  func wait(for duration: Duration?)

  /// Ends a `wait`, now or the next one; from any thread.
  func wake()
}

/// What a socket can do without blocking.
struct Readiness: OptionSet {
  let rawValue: UInt8
  /// There is something to read, or the end of it, or an error.
  static let readable = Readiness(rawValue: 1)
  /// There is room to write.
  static let writable = Readiness(rawValue: 2)
  /// The peer has closed, or the connection is broken: no further edge will come.
  static let ended = Readiness(rawValue: 4)
}

/// Which interface of the operating system a loop waits on (`KV_IO`).
public enum PollerBackend: String, CaseIterable, Sendable {
  /// epoll(7), edge-triggered: half the CPU a request. Linux only.
  case epoll
  /// DispatchSource: wherever Dispatch runs.
  case dispatch

  /// epoll where there is one.
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
struct PollerUnavailable: Error, CustomStringConvertible {
  let backend: PollerBackend
  var description: String { "\(backend.rawValue) does not exist on this platform; use dispatch" }
}
