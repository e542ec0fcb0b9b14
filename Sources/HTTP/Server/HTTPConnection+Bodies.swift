// Reads the bodies of requests, of a known length or in chunks, within the limits.
internal import Basics
internal import EventLoop

extension HTTPConnection {
  func readBody(
    of head: RequestHead, bytesMax: Int, id: RequestID
  ) async throws(Ending) -> [UInt8] {
    if head.framing == .none { return [] }
    if case .length(let length) = head.framing {
      guard length <= bytesMax else {
        throw .refused(
          HTTPProblem(.contentTooLarge, "the body may have at most \(bytesMax) bytes"), id)
      }
      // A length that is only announced is not counted, but a body that can't fit is not read.
      let room = context.configuration.bodyBytesMax(for: length)
      guard context.state.bodyBytesHeld <= room - length else { throw .refused(.tooManyBodies, id) }
    }
    if head.expectsContinue, input.isEmpty {
      output.append(HTTPSerializer.continueResponse)
      try await flush()
    }
    if case .length(let length) = head.framing {
      return try await readBody(length: length, id: id)
    }
    return try await readChunks(bytesMax: bytesMax, id: id)
  }

  private func readBody(length: Int, id: RequestID) async throws(Ending) -> [UInt8] {
    var body: [UInt8] = []
    // The buffer grows with the bytes that arrive: a length alone must not cost memory.
    body.reserveCapacity(min(length, 64 << 10))
    input.move(upTo: length, to: &body)
    try hold(body.count, id: id)
    var pace = context.makePace(over: context.configuration.bodyTimeout)
    while body.count < length {
      let room = min(length - body.count, max(64 << 10, min(body.count, 256 << 10)))
      switch socket.read(appendingTo: &body, upTo: room) {
      case .bytes(let count):
        context.observer.received(bytes: count)
        pace.moved(count)
        try hold(count, id: id)
      case .end, .failed: throw .gone
      case .wouldBlock:
        if pace.begins() { socket.setDeadline(after: context.configuration.bodyTimeout) }
        try await awaitReadable(id: id, problem: "the body came too slowly")
      }
    }
    return body
  }

  private func readChunks(bytesMax: Int, id: RequestID) async throws(Ending) -> [UInt8] {
    var body: [UInt8] = []
    var decoder = ChunkedDecoder(bodyBytesMax: bytesMax, limits: context.configuration.limits)
    var pace = context.makePace(over: context.configuration.bodyTimeout)
    while true {
      let before = body.count
      let isWhole = try decode(with: &decoder, into: &body, id: id)
      try hold(body.count - before, id: id)
      if isWhole { return body }
      if pace.begins() { socket.setDeadline(after: context.configuration.bodyTimeout) }
      guard try await fill(problem: "the body came too slowly") else { throw .gone }
      pace.moved(input.count)
    }
  }

  /// Decodes the received bytes. True if the body has ended.
  private func decode(
    with decoder: inout ChunkedDecoder, into body: inout [UInt8], id: RequestID
  ) throws(Ending) -> Bool {
    do throws(HTTPProblem) {
      let outcome = try input.withBytes { (bytes) throws(HTTPProblem) in
        try decoder.decode(bytes, into: &body)
      }
      switch outcome {
      case .incomplete(let consumed):
        input.consume(consumed)
        return false
      case .end(let consumed):
        input.consume(consumed)
        return true
      }
    } catch {
      throw .refused(error, id)
    }
  }

  /// Counts bytes of the body that have arrived against the limit of all bodies.
  private func hold(_ count: Int, id: RequestID) throws(Ending) {
    let room = context.configuration.bodyBytesMax(for: bodyBytesHeld + count)
    guard context.state.takeBodyBytes(count, max: room) else { throw .refused(.tooManyBodies, id) }
    bodyBytesHeld += count
  }

  func returnBodyBytes() {
    if bodyBytesHeld == 0 { return }
    context.state.returnBodyBytes(bodyBytesHeld)
    bodyBytesHeld = 0
  }
}
