internal import Basics
internal import Synchronization

/// What the servers of all loops share: the counters for the common limits, and whether they drain.
public final class HTTPServerState: Sendable {
  private let connections = Atomic<Int>(0)
  private let bodyBytes = Atomic<Int>(0)
  private let answerBytes = Atomic<Int>(0)
  private let draining = Atomic<Bool>(false)

  public init() {}

  public var connectionsOpen: Int { connections.load(ordering: .relaxed) }

  /// The bytes of request bodies in memory.
  public var bodyBytesHeld: Int { bodyBytes.load(ordering: .relaxed) }

  /// The bytes of answers in memory, from when room is taken for them until they have been sent.
  public var answerBytesHeld: Int { answerBytes.load(ordering: .relaxed) }

  /// Whether the process is about to leave: answers close their connections, readiness is 503.
  public var isDraining: Bool { draining.load(ordering: .relaxed) }

  /// Begins to drain, which can't be undone.
  public func startDraining() { draining.store(true, ordering: .relaxed) }

  /// False if the limit is reached; nothing is taken then.
  func takeConnection(max: Int) -> Bool { take(1, from: connections, max: max) }

  func returnConnection() { connections.subtract(1, ordering: .relaxed) }

  /// False if the limit is reached; nothing is taken then.
  func takeBodyBytes(_ count: Int, max: Int) -> Bool { take(count, from: bodyBytes, max: max) }

  func returnBodyBytes(_ count: Int) { bodyBytes.subtract(count, ordering: .relaxed) }

  /// Takes room for an answer before it is made. False if there is none; nothing is taken then. An
  /// answer always fits while there is no other.
  public func takeAnswerRoom(_ count: Int, max: Int) -> Bool {
    takeAnswerBytes(count, max: Swift.max(count, max))
  }

  /// Returns room for which no answer was made.
  public func returnAnswerRoom(_ count: Int) { returnAnswerBytes(count) }

  /// False if the limit is reached; nothing is taken then.
  func takeAnswerBytes(_ count: Int, max: Int) -> Bool { take(count, from: answerBytes, max: max) }

  /// Counts bytes that are in memory already, whatever the limit.
  func addAnswerBytes(_ count: Int) { answerBytes.add(count, ordering: .relaxed) }

  func returnAnswerBytes(_ count: Int) { answerBytes.subtract(count, ordering: .relaxed) }

  private func take(_ count: Int, from counter: borrowing Atomic<Int>, max: Int) -> Bool {
    let (_, taken) = counter.add(count, ordering: .relaxed)
    if taken <= max { return true }
    counter.subtract(count, ordering: .relaxed)
    return false
  }
}

/// What the connections of one loop share. Not Sendable: it belongs to the loop.
final class HTTPContext {
  let configuration: HTTPConfiguration
  let state: HTTPServerState
  let handler: any HTTPHandler
  let observer: any HTTPObserver

  /// Whether the server stops: a connection that waits for a request then ends.
  var isLeaving = false

  /// Buffers for reuse. A connection that waits for a request holds none.
  private var spareBuffers: [[UInt8]] = []
  private static let spareBuffersMax = 64
  /// A buffer with a larger capacity is freed.
  private static let bufferBytesKept = 64 << 10

  private var dateSecond: Int64 = 0
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

  /// An empty buffer, reused if possible.
  func takeBuffer() -> [UInt8] { spareBuffers.popLast() ?? [] }

  /// Keeps a buffer for the next connection that needs one, and leaves an empty one behind.
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
    let now = SystemTime.microseconds() / 1_000_000
    if now != dateSecond {
      dateSecond = now
      dateBytes.removeAll(keepingCapacity: true)
      HTTPDate.append(seconds: now, to: &dateBytes)
    }
    return dateBytes
  }

  /// The client's `X-Request-Id` if it is valid, or else a new id.
  func requestID(for head: RequestHead) -> RequestID {
    if let sent = head.first(.xRequestID), let id = RequestID(client: sent) { return id }
    return makeRequestID()
  }

  /// An id that differs from all others of this process, and almost certainly from those of other
  /// processes: SplitMix64 (Steele, Lea, Flood 2014) is a permutation of a counter, which starts at
  /// random.
  func makeRequestID() -> RequestID {
    lastID &+= 0x9E37_79B9_7F4A_7C15
    var mixed = lastID
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return RequestID(mixed ^ mixed >> 31)
  }
}
