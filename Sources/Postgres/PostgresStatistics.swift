/// What the connections of one loop have done since they were made.
public struct PostgresStatistics: Equatable, Sendable {
  /// Connections that are open now.
  public var connectionsOpen = 0
  /// Connections that were opened.
  public var connectionsOpened = 0
  /// Attempts to connect that failed, and servers that hung.
  public var connectFailures = 0
  /// Sets of statements that were sent, each up to a sync.
  public var exchanges = 0
  /// Transactions that were tried again because others were in their way.
  public var retries = 0
  /// Calls that failed, whatever the reason.
  public var failures = 0
  /// Statements that took too long and were cancelled.
  public var cancellations = 0
  /// Statements that the server refused for good.
  public var rejections = 0
  /// Connections that were given up because not even cancelling was answered.
  public var timeouts = 0
  /// Calls of which nobody knows whether they were committed.
  public var unknownOutcomes = 0

  /// Nothing yet.
  public init() {}
}
