import HTTP
import KeyValueStore

// GET /watch: changes as Server-Sent Events (WHATWG HTML §9.2).
extension APIHandler {
  func getWatch(_ request: AcceptedRequest) async throws(Problem) -> Response {
    let prefix = try watchedPrefix(request)
    let includesValues = try request.query.boolean("values") ?? false
    let position = try watchedPosition(request)
    // The stream would end at once; another server can serve it.
    if surroundings.isDraining() {
      throw Problem(StoreError.unavailable(cause: "the server is draining", retryAfter: 1))
    }
    if request.head.method == .head {
      try await hub.check(after: position)
    } else {
      let watcher = Watcher(
        prefix: prefix, includesValues: includesValues, head: request.head, metrics: hub.metrics)
      try await hub.admit(watcher, after: position)
      request.watcher = watcher
    }
    var response = Response(.ok)
    response.fields.append(
      lines: """
        Content-Type: text/event-stream\r
        Cache-Control: no-store\r
        X-Content-Type-Options: nosniff\r
        X-Accel-Buffering: no\r

        """)
    response.isStreamed = true
    return response
  }

  func stream(_ request: AcceptedRequest, to body: BodyStream) async {
    if let watcher = request.watcher { await hub.serve(watcher, to: body) }
  }

  func run() async { await hub.run() }

  private func watchedPrefix(_ request: AcceptedRequest) throws(Problem) -> [UInt8] {
    let prefix = request.query["prefix"] ?? []
    guard ContentType.isUTF8(prefix) else {
      throw .parameter("prefix", "prefix is UTF-8, percent-encoded byte by byte.")
    }
    guard prefix.starts(with: request.principal.keyPrefix) else {
      let own = String(decoding: request.principal.keyPrefix, as: UTF8.self)
      throw Problem(.forbidden, "This token watches keys with prefix=\(own): ask for that.")
    }
    return prefix
  }

  /// Where to resume. A browser that connects again repeats the URL, with an `after` that is older
  /// than its `Last-Event-ID`.
  private func watchedPosition(_ request: AcceptedRequest) throws(Problem) -> FeedPosition? {
    var position: FeedPosition?
    if let after = request.query["after"] {
      guard let parsed = FeedPosition(String(decoding: after, as: UTF8.self)) else {
        throw .parameter("after", "after is the id of an event: two numbers with a dot between.")
      }
      position = parsed
    }
    let fields = request.head.all(.lastEventID)
    if let field = fields.first {
      guard fields.count == 1, let parsed = FeedPosition(String(decoding: field, as: UTF8.self))
      else {
        throw .header("Last-Event-ID", "Send the id of the last event, as it came, and once.")
      }
      position = parsed
    }
    return position
  }
}
