// A libFuzzer target (https://llvm.org/docs/LibFuzzer.html). scripts/fuzz builds it and the files
// of the parser as one module.

internal import Basics

/// Reads `data` as pipelined requests: whole, cut in two places, and byte by byte. Traps if the
/// results differ.
///
/// The first two bytes choose the places to cut; the others are the input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
  guard let data, size > 2 else { return 0 }
  // A copy of exactly its size, so that the address sanitizer detects a read after its end.
  let input = Array(UnsafeBufferPointer(start: data + 2, count: size - 2))
  let first = Int(data[0]) * input.count / 255
  let second = Int(data[1]) * input.count / 255
  let whole = Transcript(of: input, cuts: [])
  let cut = Transcript(of: input, cuts: [min(first, second), max(first, second)])
  check(whole == cut, "the result depends on how the input is cut: \(whole) and \(cut)")
  check(whole == Transcript(of: input, cuts: Array(0...input.count)), "byte by byte")
  FieldValueFuzzing.run(input)
  return 0
}

/// Stops the fuzzer, which then keeps the input. Unlike `precondition`, it prints the message in an
/// optimized build too.
private func check(_ isTrue: Bool, _ message: @autoclosure () -> String) {
  if !isTrue { fatalError(message()) }
}

/// What a connection reads from an input.
private struct Transcript: Equatable {
  /// One line for each head, body and refusal.
  private(set) var lines: [String] = []

  private static let bodyBytesMax = 256

  /// Small limits, so that the fuzzer reaches them.
  private static var limits: HTTPLimits {
    var limits = HTTPLimits()
    limits.requestLineBytesMax = 128
    limits.headerBytesMax = 256
    limits.fieldsMax = 8
    limits.chunkExtensionBytesMax = 32
    limits.trailerBytesMax = 64
    limits.trailerFieldsMax = 4
    return limits
  }

  private enum State {
    case head
    case length(Int)
    case chunks(ChunkedDecoder)
  }

  init(of input: [UInt8], cuts: [Int]) {
    var parser = HTTPParser(limits: Self.limits)
    var state = State.head
    var body: [UInt8] = []
    var start = 0
    do throws(HTTPProblem) {
      for end in cuts + [input.count] {
        var isHungry = false
        while !isHungry {
          let bytes = input.span.extracting(start..<end)
          switch state {
          case .head:
            guard case .head(let head, let length) = try parser.parse(bytes) else {
              isHungry = true
              continue
            }
            check(length > 0 && length <= bytes.count, "a length beyond the input")
            lines.append(Self.line(head))
            start += length
            state = Self.state(behind: head)
          case .length(let length):
            let taken = min(length, bytes.count)
            body.append(copying: bytes, 0..<taken)
            start += taken
            state = taken == length ? .head : .length(length - taken)
            isHungry = taken < length
          case .chunks(var decoder):
            switch try decoder.decode(bytes, into: &body) {
            case .incomplete(let consumed):
              check(consumed == bytes.count, "a decoder that leaves something")
              start += consumed
              state = .chunks(decoder)
              isHungry = true
            case .end(let consumed):
              check(consumed <= bytes.count, "a length beyond the input")
              start += consumed
              state = .head
            }
          }
        }
      }
      lines.append("\(input.count - start) bytes left, body \(body)")
    } catch {
      check((400...505).contains(error.status.code) && !error.detail.isEmpty, "a refusal")
      lines.append("\(error.status.code) \(error.detail), body \(body)")
    }
    check(body.count <= input.count, "a body that grows")
  }

  private static func state(behind head: RequestHead) -> State {
    switch head.framing {
    case .none: .head
    case .length(let length): .length(length)
    case .chunked: .chunks(ChunkedDecoder(bodyBytesMax: bodyBytesMax, limits: limits))
    }
  }

  /// All parts of a head. To read its fields checks that they are within its bytes.
  private static func line(_ head: RequestHead) -> String {
    check(head.path.first == .slash || Array(head.path) == [UInt8(ascii: "*")], "a path")
    let values = FieldName.allCases.map { name in head.all(name).map { Array($0) } }
    for byte in values.joined().joined() { check(!byte.endsLine, "a control character") }
    return "\(head.method) \(head.path) \(String(describing: head.query)) \(head.minorVersion) "
      + "\(head.framing) \(head.keepsAlive) \(head.expectsContinue) \(values)"
  }
}

/// The parsers of single values, whose input is never cut: they must not trap.
private enum FieldValueFuzzing {
  static func run(_ input: [UInt8]) {
    let values = input.split(separator: .lineFeed, omittingEmptySubsequences: false)
    if case .tags(let tags)? = EntityTagList.parse(values: values) {
      check(!tags.isEmpty, "a list of no tags")
    }
    check(PreferHeader(values: values)["="] == nil, "a name that is no token")
    _ = CacheControl(values: values)
    if let decoded = [UInt8](percentDecoding: input[...]) {
      check(decoded.count <= input.count, "a decoding that grows")
    }
    if let query = try? QueryParameters(input[...]) {
      check(query.parameters.allSatisfy { !$0.name.isEmpty }, "a parameter without a name")
    }
  }
}
