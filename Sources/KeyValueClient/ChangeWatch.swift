internal import Basics

/// Follows changes: reads the stream of events, and connects again when it ends, from the event
/// after the last one that was handled.
package struct ChangeWatch: Sendable {
  package var prefix = ""
  package var includesValues = false
  /// Where to begin; nil: at the present. After an event was handled, its position.
  package private(set) var position: String?
  /// How often the first connection may fail. Later ones are tried without end.
  package var firstFailuresMax = 4

  package init(after position: String? = nil) { self.position = position }

  private var request: ClientRequest {
    var request = ClientRequest("GET", "/watch")
    if !prefix.isEmpty { request.query("prefix", prefix) }
    if includesValues { request.query("values", "true") }
    request.set("Accept", "text/event-stream")
    if let position { request.set("Last-Event-ID", position) }
    return request
  }

  /// What `run` tells its caller.
  package enum Notice: Sendable {
    /// The stream has begun, or has begun again: changes from here on will be seen.
    case connected
    /// The stream has ended. It is resumed after the pause.
    case interrupted(String, pause: Duration)
  }

  /// Passes on events until `receive` returns false. Throws when the server refuses the stream for
  /// good, as with 410, or `receive` does.
  package mutating func run(
    _ client: StoreClient, notice: (Notice) -> Void,
    _ receive: (StreamEvent) async throws(ClientError) -> Bool
  ) async throws(ClientError) {
    var backoff = Backoff(first: .milliseconds(250), longest: .seconds(10))
    var failures = 0
    var hasBegun = false
    while true {
      var parser = EventStreamParser()
      var isConnected = false
      var isEnough = false
      var why = "the server ended the stream"
      do throws(ClientError) {
        try await client.stream(request) { bytes throws(ClientError) in
          if !isConnected { notice(.connected) }
          isConnected = true
          hasBegun = true
          backoff.reset()
          for event in try parser.feed(bytes) {
            isEnough = try await !receive(event)
            position = event.id ?? position
            if isEnough { return false }
          }
          // The position of the present, which comes without an event.
          position = parser.lastID ?? position
          return true
        }
      } catch {
        why = try Self.transient(error)
      }
      if isEnough { return }
      failures += 1
      if !hasBegun, failures > firstFailuresMax { throw .unavailable(why) }
      let pause = backoff.next()
      notice(.interrupted(why, pause: pause))
      try? await Task.sleep(for: pause)
    }
  }

  /// What broke the stream, if it can be resumed.
  private static func transient(_ error: ClientError) throws(ClientError) -> String {
    switch error {
    case .unavailable(let why), .outcomeUnknown(let why): return why
    case .refused(let problem) where [429, 502, 503, 504].contains(problem.status):
      return problem.text
    default: throw error
    }
  }
}
