/// Parses request heads (RFC 9112 §2 to §6): a state machine without I/O.
///
/// It works line by line and remembers how far it has scanned, so that a head costs linear time,
/// however small the pieces in which it arrives. A byte that exceeds a limit, or that no line may
/// contain, is refused at once, without waiting for the end of the line. So the answer does not
/// depend on how the input is cut.
struct HTTPParser {
  /// What the input contains.
  enum Outcome {
    /// The beginning of a head: call again with more bytes.
    case incomplete
    /// A head, in the first `length` bytes. The parser is ready for the next message.
    case head(RequestHead, length: Int)
  }

  private let limits: HTTPLimits
  /// Where the request line starts: after an empty line, if there was one.
  private var headStart = 0
  /// Nil until the request line has come.
  private var requestLine: RequestLine?
  /// Where the header section starts; 0 until the request line has come.
  private var sectionStart = 0
  private var section = HeaderSection()
  /// Where the current line starts, and how far it has been scanned.
  private var lineStart = 0
  private var scanned = 0

  /// A parser at the start of a message. The limits must fit the positions of `RequestHead.Field`.
  init(limits: HTTPLimits = HTTPLimits()) {
    precondition(limits.fitsFieldPositions, "request line and header section: at most 65,533 bytes")
    self.limits = limits
  }

  /// Looks for a head at the start of `input`, which must contain all bytes from the start of the
  /// message on.
  ///
  /// After an error neither the parser nor the connection may be used any more.
  mutating func parse(_ input: Span<UInt8>) throws(HTTPProblem) -> Outcome {
    while true {
      if sectionStart > 0 {
        try checkLineStart(input)
        guard let end = try lineEnd(in: input, contentEndMax: fieldEndMax) else {
          return .incomplete
        }
        let line = lineStart..<end
        startLine(at: end + 2)
        if line.isEmpty { return try finish(input, sectionEnd: line.lowerBound) }
        try section.append(FieldLine(input, line), of: input, headStart: headStart)
      } else {
        let contentEndMax = headStart + limits.requestLineBytesMax
        guard let end = try lineEnd(in: input, contentEndMax: contentEndMax) else {
          return .incomplete
        }
        let line = lineStart..<end
        startLine(at: end + 2)
        if line.isEmpty {
          try skipEmptyLine()
        } else {
          try startSection(RequestLine(input, line, methodBytesMax: limits.methodBytesMax))
        }
      }
    }
  }

  /// The value of `Origin`, if it has come: also after an error, as the answer may depend on it.
  func origin(in input: Span<UInt8>) -> [UInt8]? {
    guard let field = section.fields.first(where: { $0.name == .origin }) else { return nil }
    return [UInt8](
      copying: input, headStart + Int(field.valueStart)..<headStart + Int(field.valueEnd))
  }

  /// The last position where the content of a field line may end, so that its line end still fits.
  private var fieldEndMax: Int { sectionStart + limits.headerBytesMax - 2 }

  private mutating func startLine(at index: Int) {
    lineStart = index
    scanned = index
  }

  /// RFC 9112 §2.2: a server should ignore at least one empty line before a request line; old
  /// clients send one after a body. This parser ignores exactly one.
  private mutating func skipEmptyLine() throws(HTTPProblem) {
    guard headStart == 0 else {
      throw HTTPProblem(.badRequest, "The request must start with a request line.")
    }
    headStart = lineStart
  }

  private mutating func startSection(_ line: RequestLine) {
    section.minorVersion = line.minorVersion
    sectionStart = lineStart
    requestLine = line
  }

  /// Refuses a field line that its first byte already makes invalid.
  private func checkLineStart(_ input: Span<UInt8>) throws(HTTPProblem) {
    guard scanned == lineStart, lineStart < input.count, input[lineStart] != .carriageReturn
    else { return }
    if input[lineStart].isWhiteSpace {
      // RFC 9112 §2.2: lines between the request line and the first field that start with white
      // space must be refused (or ignored); §5.2: so must a folded field.
      throw HTTPProblem(
        .badRequest, "A header field must stand in one line, which must not start with white space."
      )
    }
    // RFC 6585 §5: too many fields.
    guard section.fields.count < limits.fieldsMax else {
      throw HTTPProblem(
        .headerFieldsTooLarge, "The request must have at most \(limits.fieldsMax) header fields.")
    }
  }

  /// Where the line that starts at `lineStart` ends, or nil while its CRLF has not come.
  private mutating func lineEnd(
    in input: Span<UInt8>, contentEndMax: Int
  ) throws(HTTPProblem) -> Int? {
    var index = scanned
    let end = min(input.count, contentEndMax)
    while index < end, !input[index].endsLine { index += 1 }
    scanned = index
    guard index < input.count else { return nil }
    let byte = input[index]
    guard byte == .carriageReturn else {
      throw problem(at: byte)
    }
    guard index + 1 < input.count else { return nil }
    // RFC 9112 §2.2: a CR without LF must be refused (or replaced with a space).
    guard input[index + 1] == .lineFeed else {
      throw HTTPProblem(.badRequest, "A carriage return must be followed by a line feed.")
    }
    return index
  }

  /// Why `byte` can't continue the current line.
  private func problem(at byte: UInt8) -> HTTPProblem {
    if byte == .lineFeed {
      // RFC 9112 §2.2: a recipient may accept a lone LF as a line end. Proxies differ in this,
      // which makes request smuggling possible.
      return HTTPProblem(.badRequest, "Lines must end with a carriage return and a line feed.")
    }
    if byte.endsLine {
      // RFC 9110 §5.5: CR, LF and NUL in a value must be refused; other control characters may be.
      return HTTPProblem(
        .badRequest,
        "Request line and header fields must not hold control characters (and this port does not "
          + "speak TLS).")
    }
    // Any other byte exceeds a limit.
    if sectionStart == 0 {
      // RFC 9110 §15.5.15; RFC 9112 §3 recommends at least 8,000 bytes.
      return HTTPProblem(
        .uriTooLong, "The request line must have at most \(limits.requestLineBytesMax) bytes.")
    }
    // RFC 6585 §5.
    return HTTPProblem(
      .headerFieldsTooLarge,
      "The header section must have at most \(limits.headerBytesMax) bytes.")
  }

  /// Makes the head and prepares for the next message.
  private mutating func finish(
    _ input: Span<UInt8>, sectionEnd: Int
  ) throws(HTTPProblem) -> Outcome {
    guard let requestLine else { preconditionFailure("a header section follows a request line") }
    let framing = try section.framing()
    let head = RequestHead(
      method: requestLine.method,
      minorVersion: requestLine.minorVersion,
      framing: framing,
      keepsAlive: section.keepsAlive,
      expectsContinue: section.expectsContinue(framing),
      bytes: [UInt8](copying: input, headStart..<sectionEnd),
      pathRange: requestLine.target.path.shifted(by: -headStart),
      queryRange: requestLine.target.query?.shifted(by: -headStart),
      fields: section.takeFields())
    let length = lineStart
    headStart = 0
    sectionStart = 0
    self.requestLine = nil
    section = HeaderSection()
    startLine(at: 0)
    return .head(head, length: length)
  }
}

extension Range<Int> {
  /// The range of the same length that starts `distance` later.
  fileprivate func shifted(by distance: Int) -> Range<Int> {
    lowerBound + distance..<upperBound + distance
  }
}

/// How much a client may send in a head, or around the data of a body. Each limit is inclusive.
public struct HTTPLimits: Sendable {
  /// The longest request line, without its line end, in bytes. Longer ones are answered with 414.
  public var requestLineBytesMax = 8_192
  /// The longest header section, in bytes: all field lines with their line ends, without the empty
  /// line after them. Longer ones are answered with 431.
  public var headerBytesMax = 16_384
  /// The most header fields; more are answered with 431.
  public var fieldsMax = 100
  /// The longest method, in bytes. Longer ones are answered with 501.
  public var methodBytesMax = 32
  /// The most bytes in all chunk extensions of a body; more are answered with 400.
  public var chunkExtensionBytesMax = 4_096
  /// The longest trailer section, in bytes: all field lines with their line ends. Longer ones are
  /// answered with 431.
  public var trailerBytesMax = 4_096
  /// The most trailer fields; more are answered with 431.
  public var trailerFieldsMax = 32

  public init() {}

  /// Whether 16 bits are enough for the positions of a head's fields, as `RequestHead.Field` has.
  var fitsFieldPositions: Bool {
    requestLineBytesMax >= 0 && headerBytesMax >= 0
      && requestLineBytesMax <= Int(UInt16.max) && headerBytesMax <= Int(UInt16.max)
      && requestLineBytesMax + headerBytesMax + 2 <= Int(UInt16.max)
  }
}
