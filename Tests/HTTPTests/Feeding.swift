@testable import HTTP

/// The ways in which an input can arrive. All of them must have the same result.
enum Feeding {
  /// The lists of places where the input is cut: nowhere, at one place, and between all bytes.
  static func cuts(of count: Int) -> [[Int]] {
    [[]] + (0...count).map { [$0] } + [Array(0...count)]
  }
}

extension [UInt8] {
  init(_ text: String) { self = Array(text.utf8) }

  /// The bytes as a Swift string literal.
  var spelled: String { String(decoding: self, as: UTF8.self).debugDescription }
}

/// What a parser makes of an input.
enum HeadResult: Equatable, CustomStringConvertible {
  /// The heads that it has parsed, and the number of bytes after the last one.
  case heads([HeadSummary], rest: Int)
  case refused(HTTPProblem)

  /// Feeds `input` to one parser: the bytes up to each cut in turn, then all of them.
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

/// A head in a form that can be compared.
struct HeadSummary: Equatable {
  var method: String
  var path: String
  var query: String?
  var minorVersion: UInt8
  var framing: RequestHead.Framing
  var keepsAlive: Bool
  var expectsContinue: Bool
  var fields: [String]
  var length: Int

  init(_ head: RequestHead, length: Int) {
    method = head.method.name
    path = String(decoding: head.path, as: UTF8.self)
    query = head.query.map { String(decoding: $0, as: UTF8.self) }
    minorVersion = head.minorVersion
    framing = head.framing
    keepsAlive = head.keepsAlive
    expectsContinue = head.expectsContinue
    fields = head.fields.map { field in
      let name = head.bytes[Int(field.nameStart)..<Int(field.nameEnd)]
      let value = head.bytes[Int(field.valueStart)..<Int(field.valueEnd)]
      return "\(String(decoding: name, as: UTF8.self))=\(String(decoding: value, as: UTF8.self))"
    }
    self.length = length
  }
}

/// What a decoder makes of an input.
enum BodyResult: Equatable {
  /// The body has not ended; this much of it has come.
  case incomplete([UInt8])
  /// The body, and the number of bytes that belong to it.
  case end([UInt8], length: Int)
  case refused(HTTPProblem)

  /// Feeds `input` to one decoder, one piece after another.
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
