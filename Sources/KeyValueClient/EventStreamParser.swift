/// An event of a stream of Server-Sent Events.
package struct StreamEvent: Equatable, Sendable {
  /// The position in the stream after this event.
  package var id: String?
  /// The type, as `put`.
  package var name: String
  package var data: String
}

/// Cuts bytes into Server-Sent Events, as the HTML standard says ("event stream interpretation"),
/// without I/O: feed it what arrives, in pieces of any size.
package struct EventStreamParser {
  /// A longer line is no event of this API.
  private static let lineBytesMax = 32 << 20

  /// The last id that was sent, also one without an event: where to resume.
  package private(set) var lastID: String?
  /// How long to wait before connecting again, in milliseconds.
  package private(set) var retryMilliseconds: Int?

  private var line: [UInt8] = []
  private var name = ""
  private var data: [String] = []
  private var hasID = false
  private var id = ""
  private var skipsLineFeed = false
  private var isFirstLine = true

  package init() {}

  /// Takes bytes, and returns the events that became complete by them.
  package mutating func feed(
    _ bytes: some Sequence<UInt8>
  ) throws(ClientError) -> [StreamEvent] {
    var events: [StreamEvent] = []
    for byte in bytes {
      let follows = skipsLineFeed
      skipsLineFeed = false
      switch byte {
      case UInt8(ascii: "\n") where follows: break
      case UInt8(ascii: "\n"), UInt8(ascii: "\r"):
        skipsLineFeed = byte == UInt8(ascii: "\r")
        if let event = finishLine() { events.append(event) }
      default:
        guard line.count < Self.lineBytesMax else {
          throw .malformed("a line without an end in the stream of events")
        }
        line.append(byte)
      }
    }
    return events
  }

  private mutating func finishLine() -> StreamEvent? {
    defer {
      line.removeAll(keepingCapacity: true)
      isFirstLine = false
    }
    if isFirstLine, line.starts(with: [0xEF, 0xBB, 0xBF]) { line.removeFirst(3) }
    guard !line.isEmpty else { return dispatch() }
    let colon = line.firstIndex(of: UInt8(ascii: ":")) ?? line.endIndex
    var value = line[colon...].dropFirst()
    if value.first == UInt8(ascii: " ") { value.removeFirst() }
    let text = String(decoding: value, as: UTF8.self)
    switch String(decoding: line[..<colon], as: UTF8.self) {
    case "event": name = text
    case "data": data.append(text)
    case "id" where !value.contains(0):
      id = text
      hasID = true
    case "retry":
      if let number = Int(text), number >= 0 { retryMilliseconds = number }
    // A comment, or a field that is not known.
    default: break
    }
    return nil
  }

  /// An empty line ends the event.
  private mutating func dispatch() -> StreamEvent? {
    defer {
      name = ""
      data = []
    }
    if hasID { lastID = id.isEmpty ? nil : id }
    guard !data.isEmpty else { return nil }
    return StreamEvent(
      id: lastID, name: name.isEmpty ? "message" : name, data: data.joined(separator: "\n"))
  }
}
