/// A Sentinel does not say where the master is.
struct SentinelFailure: Error, Equatable, Sendable {
  /// For logs.
  let cause: String
}
