import Foundation
import Testing

/// A client that follows `/watch`. The connection ends with it.
final class EventStream {
  struct Event {
    let id: String
    let name: String
    let data: [String: Any]
    var key: String { data["key"] as? String ?? "" }
  }

  /// The head of the answer.
  let answer: Answer
  /// The position that the stream begins with.
  private(set) var start = ""
  private let connection: Connection
  private var text = ""

  init(_ connection: Connection, query: String, fields: [String: String]) throws {
    self.connection = connection
    answer = try connection.request("GET", "/watch?\(query)", fields: fields)
    guard answer.status == 200 else { throw TestFailure("\(answer.status): \(answer.body)") }
    let block = try block()
    guard block.hasPrefix("retry: 2000\n:"), let id = block.split(separator: "\n").last,
      id.hasPrefix("id: ")
    else { throw TestFailure("no beginning of a stream: \(block)") }
    start = String(id.dropFirst(4))
  }

  /// The next `count` events; comments are passed over.
  func events(_ count: Int) throws -> [Event] {
    var events: [Event] = []
    while events.count < count {
      let lines = try block().components(separatedBy: "\n")
      if lines[0].hasPrefix(":") { continue }
      guard lines.count == 3, lines[0].hasPrefix("id: "), lines[1].hasPrefix("event: "),
        lines[2].hasPrefix("data: "),
        let data = try JSONSerialization.jsonObject(with: Data(lines[2].dropFirst(6).utf8))
          as? [String: Any]
      else { throw TestFailure("not an event: \(lines)") }
      events.append(
        Event(id: String(lines[0].dropFirst(4)), name: String(lines[1].dropFirst(7)), data: data))
    }
    return events
  }

  /// Waits for the last chunk and the end of the connection. An event before that is an error.
  func awaitEnd() throws {
    while let chunk = try connection.chunk() {
      guard chunk.hasPrefix(":"), text.isEmpty else { throw TestFailure("an event: \(chunk)") }
    }
  }

  /// The lines up to the next empty one.
  private func block() throws -> String {
    while true {
      if let end = text.range(of: "\n\n") {
        defer { text.removeSubrange(..<end.upperBound) }
        return String(text[..<end.lowerBound])
      }
      guard let chunk = try connection.chunk() else { throw TestFailure("the stream has ended") }
      text += chunk
    }
  }
}

extension Server {
  /// Follows the changes from the answer to this request on.
  func watch(_ query: String = "", fields: [String: String] = [:]) throws -> EventStream {
    try EventStream(connect(), query: query, fields: fields)
  }

  /// The value of a series.
  func metric(_ series: String, fields: [String: String] = [:]) throws -> Double {
    let text = try request("GET", "/metrics", fields: fields).body
    guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix(series + " ") }),
      let value = Double(line.dropFirst(series.count + 1))
    else { throw TestFailure("no \(series)") }
    return value
  }

  /// Has the server read the tokens file again.
  func readTokens() { _ = Foundation.kill(processID, SIGHUP) }
}

/// Writes a tokens file: lines of a name, which is the token too, scopes and a prefix.
func writeTokens(_ lines: String, to file: URL) throws {
  let digests = [
    "all": "5ef5ef0364b6939c4ca61f34b393f7b368d1be8619647aaf83d5b395919ab629",
    "team": "ca8b22d0db83a22db163b560b3e4e51527e533d31d067b614a0c33c4d2df8432",
    "writer": "b93006774cbdd4b299389a03ac3d88c3a76b460d538795bc12718011a909fba5",
  ]
  let text = lines.split(separator: "\n").map { line in
    let words = line.split(separator: " ").map(String.init)
    return "\(words[0]) \(digests[words[0]] ?? "") \(words[1]) \(words[2])\n"
  }
  try Data(text.joined().utf8).write(to: file, options: .atomic)
}

/// Asks until the answer is yes.
func eventually(_ condition: () throws -> Bool) throws {
  let deadline = Date(timeIntervalSinceNow: patience)
  while Date() < deadline { if try condition() { return } }
  throw TestFailure("it has not come to pass within \(patience) s")
}
