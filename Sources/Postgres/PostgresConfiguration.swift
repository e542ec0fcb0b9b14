/// Where the database is and how it is used. Every field but the URL has a default.
public struct PostgresConfiguration: Sendable {
  /// `postgresql://user:password@host:port,host:port/database?sslmode=…`; secret. Several hosts are
  /// tried in random order.
  public var url: String
  /// Connections of each loop for transactions of several statements, besides one that writes and
  /// one that looks keys up; at least 1.
  public var transactionConnections = 3
  /// Connections of each loop for statements that may take long: lists, purging, relaying; at least
  /// 1.
  public var queryConnections = 2
  /// How long the database may take for one exchange; then the exchange is cancelled. If the server
  /// does not answer the cancellation within half a second either, the connection is given up.
  public var deadline = Duration.seconds(2)
  /// How long connecting may take.
  public var connectTimeout = Duration.seconds(2)
  /// How long a connection lives: a random time in this range.
  public var lifetime = Duration.seconds(5 * 60)...Duration.seconds(30 * 60)
  /// How long a client's batch of up to 1,000 operations may take, with all attempts after
  /// conflicts with other transactions. The proxy in front of this server waits 10 s for it.
  public var batchDeadline = Duration.seconds(6)
  /// For how long after it was sent a write may begin to take effect, by the database's clock.
  ///
  /// A server that hung and continues executes what it finds in its sockets. By then the write was
  /// queued instead, and newer writes may have been, too: it must not come after them.
  public var writeValidity = Duration.seconds(1)
  /// How far apart the clocks of API nodes and the database may be.
  public var clockSkewMax = Duration.milliseconds(500)
  /// Calls that may wait for a connection for transactions; one more is refused as overloaded.
  public var waitingMax = 1_000
  /// How long tombstones, operations and idempotency keys are kept, in seconds: 24 h.
  public var retentionSeconds: Int64 = 86_400

  /// The SQL that reads the clock. Tests replace it by a clock that they can set.
  package var clock = Statement.clock

  /// The defaults for a database.
  public init(url: String) { self.url = url }

  /// Throws unless the URL can be read.
  public func check() throws(PostgresURLError) { _ = try Connector(self) }

  /// The hosts whose certificate is not verified: names, addresses or paths of sockets, or an empty
  /// string for the local socket. Empty if the URL can't be read.
  public var unverifiedHosts: [String] { (try? Connector(self))?.unverifiedHosts ?? [] }
}

/// The URL of the database can't be read. The description does not quote it: it holds the password.
public struct PostgresURLError: Error, CustomStringConvertible {
  /// What a URL looks like.
  public var description: String {
    "it must look like "
      + "postgresql://user:password@host:port,host:port/database?sslmode=verify-full"
  }
}

extension ClosedRange<Duration> {
  /// Any of these times.
  var random: Duration { lowerBound + (upperBound - lowerBound) * Double.random(in: 0...1) }
}
