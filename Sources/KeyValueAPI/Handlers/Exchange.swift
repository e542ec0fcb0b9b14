import HTTP

/// A request and how it was answered, for metrics and logs.
struct Exchange {
  /// Where it went: a label from a fixed set.
  let route: Route
  /// Its head, for the method and for `traceparent`; the path holds a key and is not to be logged.
  let head: RequestHead
  /// What the answer's `X-Request-Id` says.
  let id: RequestID
  /// What was answered.
  let status: Status
  /// From the whole request to the whole answer, without the time on the wire.
  let duration: Duration
  /// What was wrong; nil if nothing was.
  let problem: Problem?
}

/// Hears of every answered request. Called on the loop: it must not block.
protocol APIObserver {
  /// A request was answered.
  func answered(_ exchange: Exchange)
}
