internal import Foundation

/// What the connections of one loop have in common. Not Sendable: it belongs to the loop.
final class HTTPContext {
  let configuration: HTTPConfiguration
  let state: HTTPServerState
  let handler: any HTTPHandler
  let observer: any HTTPObserver

  /// Nobody is waited for any more: a connection without a request ends.
  var isLeaving = false

  /// Buffers of connections that wait for a request: an idle connection holds none.
  private var spareBuffers: [[UInt8]] = []
  private static let spareBuffersMax = 64
  /// A buffer that grew larger is let go instead of kept.
  static let bufferBytesKept = 64 << 10

  private var dateSecond = 0
  private var dateBytes: [UInt8] = []
  private var lastID: UInt64

  init(
    configuration: HTTPConfiguration, state: HTTPServerState, handler: any HTTPHandler,
    observer: any HTTPObserver
  ) {
    self.configuration = configuration
    self.state = state
    self.handler = handler
    self.observer = observer
    lastID = .random(in: .min ... .max)
  }

  /// An empty buffer, used before if possible.
  func takeBuffer() -> [UInt8] { spareBuffers.popLast() ?? [] }

  /// Keeps an empty buffer for the next who needs one.
  func giveBack(_ buffer: inout [UInt8]) {
    var given: [UInt8] = []
    swap(&given, &buffer)
    guard spareBuffers.count < Self.spareBuffersMax, given.capacity > 0,
      given.capacity <= Self.bufferBytesKept
    else { return }
    given.removeAll(keepingCapacity: true)
    spareBuffers.append(given)
  }

  /// The value of `Date` (RFC 9110 §6.6.1), formatted once a second.
  var date: [UInt8] {
    let now = time(nil)
    if now != dateSecond {
      dateSecond = now
      dateBytes.removeAll(keepingCapacity: true)
      HTTPDate.append(seconds: Int64(now), to: &dateBytes)
    }
    return dateBytes
  }

  /// The client's `X-Request-Id` if it is sane, else a new one.
  func requestID(for head: RequestHead) -> RequestID {
    if let sent = head.first(.xRequestID), let id = RequestID(client: sent) { return id }
    return makeRequestID()
  }

  /// Differs from every other id of this process, and all but surely from every other process's:
  /// SplitMix64 (Steele, Lea, Flood 2014) is a permutation of a counter with a random start.
  func makeRequestID() -> RequestID {
    lastID &+= 0x9E37_79B9_7F4A_7C15
    var mixed = lastID
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return RequestID(mixed ^ mixed >> 31)
  }
}
