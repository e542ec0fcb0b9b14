/// Cuts the bytes of a connection into the head and the body of one response (RFC 9112), without
/// I/O: feed it what arrives, in pieces of any size.
package struct ResponseParser {
  /// A head that is longer, or a line of a chunked body, is no answer of this API.
  private static let lineBytesMax = 64 << 10
  private static let headBytesMax = 256 << 10

  /// What has been parsed so far.
  package enum Event: Equatable, Sendable {
    case head(AnswerHead)
    case body([UInt8])
    case end
  }

  private enum State {
    case statusLine, fields, bodyOfLength(Int), bodyUntilClose
    case chunkSize, chunk(Int), chunkEnd, trailers, done
  }

  private let isHead: Bool
  private var state = State.statusLine
  private var head = AnswerHead(status: 0)
  private var headBytes = 0
  private var buffer: [UInt8] = []
  /// The bytes of `buffer` before this place are done with.
  private var start = 0

  /// - Parameter isHead: whether the request was a HEAD, whose response has no body.
  package init(isHead: Bool = false) { self.isHead = isHead }

  /// Whether the connection can carry another request after this response.
  package private(set) var isReusable = false

  /// Takes bytes, and returns what became complete by them.
  package mutating func feed(
    _ bytes: some Collection<UInt8>
  ) throws(MalformedAnswer) -> [Event] {
    buffer += bytes
    var events: [Event] = []
    while try step(&events) {}
    buffer.removeFirst(start)
    start = 0
    return events
  }

  /// The server has closed the connection. Throws if something was missing.
  package mutating func close() throws(MalformedAnswer) -> [Event] {
    switch state {
    case .bodyUntilClose:
      state = .done
      return [.end]
    case .done: return []
    default: throw MalformedAnswer(why: "the connection was closed in the middle of an answer")
    }
  }

  private mutating func step(_ events: inout [Event]) throws(MalformedAnswer) -> Bool {
    switch state {
    case .statusLine:
      guard let line = try line() else { return false }
      try readStatus(line)
      state = .fields
    case .fields:
      guard let line = try line() else { return false }
      guard line.isEmpty else {
        try readField(line)
        return true
      }
      try finishHead(&events)
    case .bodyOfLength(let left):
      guard let bytes = take(atMost: left) else { return false }
      events.append(.body(bytes))
      state = .bodyOfLength(left - bytes.count)
      if left == bytes.count { finish(&events) }
    case .bodyUntilClose:
      guard let bytes = take(atMost: .max) else { return false }
      events.append(.body(bytes))
    case .chunkSize:
      guard let line = try line() else { return false }
      let digits = line.prefix { $0 != ";" && $0 != " " }
      guard let size = Int(digits, radix: 16), size >= 0 else {
        throw MalformedAnswer(why: "a chunk without a size")
      }
      state = size == 0 ? .trailers : .chunk(size)
    case .chunk(let left):
      guard let bytes = take(atMost: left) else { return false }
      events.append(.body(bytes))
      state = left == bytes.count ? .chunkEnd : .chunk(left - bytes.count)
    case .chunkEnd:
      guard let line = try line() else { return false }
      guard line.isEmpty else { throw MalformedAnswer(why: "a chunk longer than its size") }
      state = .chunkSize
    case .trailers:
      guard let line = try line() else { return false }
      if line.isEmpty { finish(&events) }
    case .done: return false
    }
    return true
  }

  private mutating func finish(_ events: inout [Event]) {
    state = .done
    // Bytes after the end are no answer to a request of ours.
    if start < buffer.count { isReusable = false }
    events.append(.end)
  }

  /// The next bytes, nil if there are none.
  private mutating func take(atMost count: Int) -> [UInt8]? {
    let available = min(count, buffer.count - start)
    guard available > 0 else { return nil }
    defer { start += available }
    return Array(buffer[start..<(start + available)])
  }

  /// The next line without its end; nil if it is not complete.
  private mutating func line() throws(MalformedAnswer) -> String? {
    guard let end = buffer[start...].firstIndex(of: UInt8(ascii: "\n")) else {
      guard buffer.count - start <= Self.lineBytesMax else {
        throw MalformedAnswer(why: "a line without an end")
      }
      return nil
    }
    var bytes = buffer[start..<end]
    if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
    start = end + 1
    return String(decoding: bytes, as: UTF8.self)
  }

  // MARK: The head

  private mutating func readStatus(_ line: String) throws(MalformedAnswer) {
    let parts = line.split(separator: " ", maxSplits: 2)
    guard parts.count >= 2, parts[0].hasPrefix("HTTP/1."), parts[1].count == 3,
      let status = Int(parts[1]), status >= 100
    else { throw MalformedAnswer(why: "this is no HTTP server") }
    head = AnswerHead(status: status)
    isReusable = parts[0] == "HTTP/1.1"
    headBytes = 0
  }

  private mutating func readField(_ line: String) throws(MalformedAnswer) {
    headBytes += line.utf8.count
    guard let colon = line.firstIndex(of: ":"), headBytes <= Self.headBytesMax else {
      throw MalformedAnswer(why: "a malformed header field")
    }
    let isSpace = { (character: Character) in character == " " || character == "\t" }
    let value = line[line.index(after: colon)...].drop(while: isSpace)
    let trimmed = value.lastIndex { !isSpace($0) }.map { value[...$0] } ?? ""
    head.fields.append(
      AnswerHead.Field(name: line[..<colon].lowercased(), value: String(trimmed)))
  }

  /// RFC 9112 §6.3: how long the body is.
  private mutating func finishHead(_ events: inout [Event]) throws(MalformedAnswer) {
    // An interim response, as 100 Continue: the real one follows.
    guard head.status >= 200 else {
      state = .statusLine
      return
    }
    if head["connection"]?.lowercased() == "close" { isReusable = false }
    events.append(.head(head))
    if isHead || head.status == 204 || head.status == 304 {
      finish(&events)
    } else if let coding = head["transfer-encoding"] {
      guard coding.lowercased() == "chunked" else {
        throw MalformedAnswer(why: "the transfer coding \(coding) is not known")
      }
      state = .chunkSize
    } else if let text = head["content-length"] {
      guard let length = Int(text), length >= 0 else {
        throw MalformedAnswer(why: "a malformed Content-Length")
      }
      state = .bodyOfLength(length)
      if length == 0 { finish(&events) }
    } else {
      isReusable = false
      state = .bodyUntilClose
    }
  }
}

/// The bytes of a server are no HTTP, or end too early.
package struct MalformedAnswer: Error, Equatable {
  package let why: String
  package init(why: String) { self.why = why }
}
