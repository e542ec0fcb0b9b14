// What a connection keeps of a transfer: the bytes that have come, and whether enough of them do.

internal import Basics

/// The bytes that have been received and not yet consumed.
struct InputBuffer {
  private var bytes: [UInt8] = []
  private var start = 0

  var isEmpty: Bool { start == bytes.count }
  var count: Int { bytes.count - start }

  /// Lends the unconsumed bytes.
  func withBytes<Result, Failure: Error>(
    _ body: (Span<UInt8>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(bytes.span.extracting(droppingFirst: start))
  }

  mutating func consume(_ count: Int) {
    start += count
    if start == bytes.count {
      bytes.removeAll(keepingCapacity: true)
      start = 0
    }
  }

  /// Moves up to `count` bytes to the end of `body`.
  mutating func move(upTo count: Int, to body: inout [UInt8]) {
    let count = min(count, self.count)
    body.append(contentsOf: bytes[start..<start + count])
    consume(count)
  }

  /// Lends the storage, to append to it.
  mutating func append<Result>(with fill: (inout [UInt8]) -> Result) -> Result {
    if start > 0 {
      bytes.removeSubrange(..<start)
      start = 0
    }
    return fill(&bytes)
  }

  /// Lends the storage while it is empty, to exchange it.
  mutating func exchangeStorage(with body: (inout [UInt8]) -> Void) {
    body(&bytes)
    start = 0
  }
}

/// Whether a transfer is fast enough: a window of time starts again each time enough bytes have
/// passed.
///
/// A limit on the pause between two bytes would not be enough: with one byte now and then, a client
/// could make the server keep a body, or an answer, for as long as it likes.
struct Pace {
  private let bytesMin: Int
  private var bytes = 0
  private var hasBegun = false

  /// A transfer of at least `bytesPerSecond`, measured over a whole window.
  init(bytesPerSecond: Int, over window: Duration) {
    bytesMin = max(1, Int(window.seconds * Double(bytesPerSecond)))
  }

  /// Counts bytes that have passed.
  mutating func moved(_ count: Int) {
    bytes += count
    if bytes < bytesMin { return }
    bytes = 0
    hasBegun = false
  }

  /// Call it before each wait. True if a window starts with this wait.
  mutating func begins() -> Bool {
    defer { hasBegun = true }
    return !hasBegun
  }
}

extension HTTPProblem {
  static let tooManyBodies = HTTPProblem(
    .serviceUnavailable, "too many bodies are being received; try again")
}
