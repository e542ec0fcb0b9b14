/// Why a connection has ended.
enum RedisConnectionFailure: Equatable, Sendable {
  /// Its owner closed it.
  case closed
  /// Another Redis is the master now.
  case superseded
  /// The oldest command waited too long.
  case timedOut
  /// The operating system or Redis ended it; in hiredis' words.
  case broken(String)
  /// Redis refused a command that the cache needs; in its own words.
  case refused(String)

  /// For logs.
  var cause: String {
    switch self {
    case .closed: "closed"
    case .superseded: "another one is the master now"
    case .timedOut: "no answer in time"
    case .broken(let cause): cause
    case .refused(let words): "refused: \(words)"
    }
  }
}
