/// Bytes that have come in and are not consumed yet.
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

  /// Lends the storage to append to.
  mutating func append<Result>(with fill: (inout [UInt8]) -> Result) -> Result {
    if start > 0 {
      bytes.removeSubrange(..<start)
      start = 0
    }
    return fill(&bytes)
  }

  /// Lends the whole storage while nothing is in it.
  mutating func exchangeStorage(with body: (inout [UInt8]) -> Void) {
    body(&bytes)
    start = 0
  }
}
