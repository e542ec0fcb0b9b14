@testable import HTTP

/// What a parser says to an input.
enum HeadResult: Equatable, CustomStringConvertible {
  /// The heads that it has read, and the number of bytes behind the last one.
  case heads([HeadSummary], rest: Int)
  case refused(HTTPProblem)

  /// Feeds `input` to one parser, so much of it as stands before each cut, then all.
  static func parsing(
    _ input: [UInt8], cuts: [Int] = [], limits: HTTPLimits = HTTPLimits()
  ) -> HeadResult {
    var parser = HTTPParser(limits: limits)
    var heads: [HeadSummary] = []
    var start = 0
    do throws(HTTPProblem) {
      for end in cuts + [input.count] {
        while start <= end {
          let bytes = input.span.extracting(start..<end)
          guard case .head(let head, let length) = try parser.parse(bytes) else { break }
          heads.append(HeadSummary(head, length: length))
          start += length
        }
      }
      return .heads(heads, rest: input.count - start)
    } catch {
      return .refused(error)
    }
  }

  var description: String {
    switch self {
    case .heads(let heads, let rest): "\(heads) and \(rest) bytes"
    case .refused(let problem): "\(problem.status.code) \(problem.detail)"
    }
  }
}
