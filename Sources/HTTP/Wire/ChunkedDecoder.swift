import Basics

/// Decodes the chunked transfer coding (RFC 9112 §7.1): a state machine without I/O.
///
/// It reads everything but the data of chunks byte by byte, so the result does not depend on how
/// the input is cut. Chunk extensions are ignored; trailer fields are checked and dropped.
struct ChunkedDecoder {
  /// What the input contains. The first `consumed` bytes of it have been used.
  enum Outcome: Equatable {
    /// All of the input belongs to the body: call again with the bytes that follow.
    case incomplete(consumed: Int)
    /// The body ends at `consumed`, where the next message starts.
    case end(consumed: Int)
  }

  private enum State {
    case sizeStart
    case size(digits: Int)
    case sizeExtension
    case sizeLineFeed
    case data(remaining: Int)
    case dataCarriageReturn
    case dataLineFeed
    case trailerStart
    case trailerName
    case trailerValue
    case trailerLineFeed
    case lastLineFeed
    case finished
  }

  private let bodyBytesMax: Int
  private let limits: HTTPLimits
  private var state = State.sizeStart
  private var size = 0
  private var bodyBytes = 0
  private var extensionBytes = 0
  private var trailerBytes = 0
  private var trailerFields = 0

  /// A decoder at the start of a body whose data may have `bodyBytesMax` bytes.
  init(bodyBytesMax: Int, limits: HTTPLimits = HTTPLimits()) {
    self.bodyBytesMax = bodyBytesMax
    self.limits = limits
  }

  /// Decodes `input`, the next bytes of the message, and appends the data in it to `body`.
  ///
  /// Do not call it again after `end` or an error.
  mutating func decode(
    _ input: Span<UInt8>, into body: inout [UInt8]
  ) throws(HTTPProblem) -> Outcome {
    var index = 0
    while index < input.count {
      if case .data(let remaining) = state {
        let count = min(remaining, input.count - index)
        body.append(copying: input, index..<index + count)
        index += count
        state = count == remaining ? .dataCarriageReturn : .data(remaining: remaining - count)
        continue
      }
      state = try next(input[index])
      index += 1
      if case .finished = state { return .end(consumed: index) }
    }
    return .incomplete(consumed: index)
  }

  /// The state after `byte`, which is not data.
  private mutating func next(_ byte: UInt8) throws(HTTPProblem) -> State {
    switch state {
    case .sizeStart, .size, .sizeExtension, .sizeLineFeed: return try afterSize(byte)
    case .dataCarriageReturn:
      // RFC 9112 §7.1: `chunk = chunk-size [ chunk-ext ] CRLF chunk-data CRLF`.
      guard byte == .carriageReturn else { throw ChunkedDecoder.badDataEnd }
      return .dataLineFeed
    case .dataLineFeed:
      guard byte == .lineFeed else { throw ChunkedDecoder.badDataEnd }
      return .sizeStart
    case .trailerStart, .trailerName, .trailerValue, .trailerLineFeed:
      return try afterTrailer(byte)
    case .lastLineFeed:
      guard byte == .lineFeed else { throw ChunkedDecoder.badLineEnd }
      return .finished
    case .data, .finished: preconditionFailure("the body has ended")
    }
  }

  private mutating func afterSize(_ byte: UInt8) throws(HTTPProblem) -> State {
    switch state {
    case .size where byte == .semicolon: return try afterExtension(byte)
    case .size where byte == .carriageReturn, .sizeExtension where byte == .carriageReturn:
      return .sizeLineFeed
    case .sizeStart:
      size = 0
      return try afterDigit(byte, digits: 0)
    case .size(let digits): return try afterDigit(byte, digits: digits)
    case .sizeExtension: return try afterExtension(byte)
    default:
      guard byte == .lineFeed else { throw ChunkedDecoder.badLineEnd }
      // RFC 9112 §7.1: the last chunk has a size of zero and no data.
      guard size > 0 else { return .trailerStart }
      bodyBytes += size
      return .data(remaining: size)
    }
  }

  private mutating func afterDigit(_ byte: UInt8, digits: Int) throws(HTTPProblem) -> State {
    // RFC 9112 §7.1: `chunk-size = 1*HEXDIG`, without sign, `0x` or white space. Digits are
    // limited, so that endless zeros can't keep a connection busy.
    guard let digit = byte.hexadecimalDigit, digits < 16 else {
      throw byte == .lineFeed ? ChunkedDecoder.badLineEnd : ChunkedDecoder.badSize
    }
    // RFC 9112 §7.1: a recipient must expect sizes that overflow. Each digit only makes a size
    // larger.
    let (shifted, overflows) = size.multipliedReportingOverflow(by: 16)
    guard !overflows, shifted <= bodyBytesMax - bodyBytes,
      digit <= bodyBytesMax - bodyBytes - shifted
    else {
      // RFC 9110 §15.5.14.
      throw HTTPProblem(.contentTooLarge, "The body must have at most \(bodyBytesMax) bytes.")
    }
    size = shifted + digit
    return .size(digits: digits + 1)
  }

  private mutating func afterExtension(_ byte: UInt8) throws(HTTPProblem) -> State {
    // RFC 9112 §7.1.1: unknown extensions must be ignored, but their length should be limited.
    extensionBytes += 1
    guard extensionBytes <= limits.chunkExtensionBytesMax else {
      throw HTTPProblem(
        .badRequest,
        "The chunk extensions must have at most \(limits.chunkExtensionBytesMax) bytes altogether.")
    }
    // RFC 9112 §2.2: a line ends with CRLF. A lone LF in an extension is a known way to smuggle
    // requests.
    guard !byte.endsLine else {
      throw byte == .lineFeed ? ChunkedDecoder.badLineEnd : ChunkedDecoder.controlCharacter
    }
    return .sizeExtension
  }

  private mutating func afterTrailer(_ byte: UInt8) throws(HTTPProblem) -> State {
    if case .trailerStart = state, byte == .carriageReturn { return .lastLineFeed }
    trailerBytes += 1
    // RFC 6585 §5.
    guard trailerBytes <= limits.trailerBytesMax else {
      throw HTTPProblem(
        .headerFieldsTooLarge,
        "The trailer section must have at most \(limits.trailerBytesMax) bytes.")
    }
    switch state {
    case .trailerStart:
      // RFC 9112 §5.2: no folded fields; RFC 9110 §5.1: a name is a token of at least one
      // character.
      guard OctetSet.token.contains(byte) else { throw ChunkedDecoder.badTrailer }
      trailerFields += 1
      // RFC 6585 §5.
      guard trailerFields <= limits.trailerFieldsMax else {
        throw HTTPProblem(
          .headerFieldsTooLarge,
          "The body must have at most \(limits.trailerFieldsMax) trailer fields.")
      }
      return .trailerName
    case .trailerName:
      if byte == .colon { return .trailerValue }
      // RFC 9112 §5.1: no white space between the name and the colon.
      guard OctetSet.token.contains(byte) else { throw ChunkedDecoder.badTrailer }
      return .trailerName
    case .trailerValue:
      if byte == .carriageReturn { return .trailerLineFeed }
      // RFC 9110 §5.5: no control characters in values.
      guard !byte.endsLine else {
        throw byte == .lineFeed ? ChunkedDecoder.badLineEnd : ChunkedDecoder.controlCharacter
      }
      return .trailerValue
    default:
      guard byte == .lineFeed else { throw ChunkedDecoder.badLineEnd }
      return .trailerStart
    }
  }

  // RFC 9112 §2.2: a line ends with CRLF.
  private static let badLineEnd = HTTPProblem(
    .badRequest, "Lines between chunks must end with a carriage return and a line feed.")
  private static let badSize = HTTPProblem(
    .badRequest, "A chunk must start with its size, at most 16 hexadecimal digits.")
  private static let badDataEnd = HTTPProblem(
    .badRequest,
    "A chunk's data must have the length that was announced, and a carriage return and a line feed "
      + "behind it.")
  private static let badTrailer = HTTPProblem(
    .badRequest, "A trailer field must be a name, made of token characters, a colon and a value.")
  private static let controlCharacter = HTTPProblem(
    .badRequest, "Chunk extensions and trailer fields must not hold control characters.")
}
