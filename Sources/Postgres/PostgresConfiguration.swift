/// Where the database is and how it is used. Every field but the URL has a default.
public struct PostgresConfiguration: Sendable {
  /// `postgresql://user:password@host:port,host:port/database?sslmode=…`; secret. Several hosts are
  /// tried in random order.
  public var url: String
  /// Connections of each loop for transactions of several statements, besides one that writes and
  /// one that looks keys up; at least 1.
  public var transactionConnections = 3
  /// Connections of each loop for what may take long: lists, purging, relaying; at least 1.
  public var queryConnections = 2
  /// How long the database may take for one exchange; then that is cancelled. Where not even that
  /// is answered, its connection is given up half a second later.
  public var deadline = Duration.seconds(2)
  /// How long a connection may take to be made.
  public var connectTimeout = Duration.seconds(2)
  /// How long a connection lives: each for a time in between, by chance.
  public var lifetime = Duration.seconds(5 * 60)...Duration.seconds(30 * 60)
  /// How long a batch may take, which can be of a thousand rows, tries included that other
  /// transactions were in the way of: what is in front of this server waits 10 s for it.
  public var batchDeadline = Duration.seconds(6)
  /// For how long after it was sent a write may begin to take effect, by the database's clock.
  ///
  /// A server that hung and goes on carries out what it finds in its sockets. By then the write was
  /// queued instead, and newer ones may have been: it must not come after them.
  public var writeValidity = Duration.seconds(1)
  /// How far apart the clocks of API nodes and the database may be.
  public var clockSkewMax = Duration.milliseconds(500)
  /// Calls that may wait for a connection for transactions; one more is refused as overloaded.
  public var waitingMax = 1_000
  /// How long tombstones, operations and idempotency keys are kept, in seconds: 24 h.
  public var retentionSeconds: Int64 = 86_400

  /// What tells the time to statements. Tests put a clock in its place that they can set.
  package var clock = Statement.clock

  /// The defaults for a database.
  public init(url: String) { self.url = url }
}
