@testable import HTTP

/// What a decoder says to an input.
enum BodyResult: Equatable {
  /// The body has not ended: what of it has come.
  case incomplete([UInt8])
  /// The body, and the number of bytes that belong to it.
  case end([UInt8], length: Int)
  case refused(HTTPProblem)

  /// Feeds `input` to one decoder, piece by piece.
  static func decoding(
    _ input: [UInt8], cuts: [Int] = [], bodyBytesMax: Int = 1_000,
    limits: HTTPLimits = HTTPLimits()
  ) -> BodyResult {
    var decoder = ChunkedDecoder(bodyBytesMax: bodyBytesMax, limits: limits)
    var body: [UInt8] = []
    var start = 0
    do throws(HTTPProblem) {
      for end in cuts + [input.count] where end >= start {
        switch try decoder.decode(input.span.extracting(start..<end), into: &body) {
        case .incomplete(let consumed): start += consumed
        case .end(let consumed): return .end(body, length: start + consumed)
        }
      }
      return .incomplete(body)
    } catch {
      return .refused(error)
    }
  }
}
