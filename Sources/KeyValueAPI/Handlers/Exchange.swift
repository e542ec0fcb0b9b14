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
  /// A request that was let in is being answered from now on.
  func began()
  /// A request that began has its answer, or was given up.
  func ended()
  /// A request was answered, or refused before it began.
  func answered(_ exchange: Exchange)
}

/// Who does not count requests in flight need not listen.
extension APIObserver {
  func began() {}
  func ended() {}
}
