/// Where the brokers are and how they are used.
public struct RabbitMQConfiguration: Sendable {
  /// `amqp://user:password@host:port/vhost`, one a broker, tried in random order; `amqps` for TLS.
  /// Secret.
  public var urls: [String]

  /// Certificates that sign those of the brokers (`amqps`), as PEM; nil: those of the system, where
  /// Debian keeps them.
  public var certificateAuthorityPath: String?

  /// What all queues' names begin with: `kv` makes `kv.writes`, `kv.writes.dead` and `kv.changes`.
  public var queuePrefix = "kv"

  /// Two of these without a sign of life, and a broker is given up. Whole seconds, at least 1 s.
  public var heartbeat: Duration = .seconds(10)

  /// How long a broker may take to accept a connection, and to let us in.
  public var connectTimeout: Duration = .seconds(3)

  /// How long a broker may take to answer a request such as the declaration of a queue, which in a
  /// cluster waits for an election.
  public var requestTimeout: Duration = .seconds(10)

  /// How long a queue that is not there waits for all brokers to be in one cluster before it is
  /// made by a majority of them.
  public var foundingPatience: Duration = .seconds(60)

  /// How long a write waits for its confirm before its outcome counts as unknown.
  public var confirmDeadline: Duration = .seconds(2)

  /// How long nothing may move on a connection, though the broker owes something (a confirm, an
  /// answer, a delivery from a queue that is not empty), before another one is made. Twice as long
  /// each time that did not help, up to a minute.
  public var stallPatience: Duration = .seconds(5)

  /// How long the publisher may go on when it is told to end, for what it has taken on.
  public var flushDeadline: Duration = .seconds(3)

  /// Most writes that wait for their confirm at a time, in a process.
  public var writesOutstandingMax = 10_000

  /// Most bytes that these may hold.
  public var writeBytesOutstandingMax = 128 << 20

  /// Most bytes of change events that wait for their confirm, in a process.
  public var changeBytesOutstandingMax = 16 << 20

  /// Most deliveries that a worker holds unacknowledged: twice as many as it takes at a time, so
  /// that the next ones come while it works.
  public var prefetch: UInt16 = 2_000

  /// Bytes of deliveries that a worker holds: while it has as many, no more are read, and wait with
  /// the broker. One delivery more may come.
  public var deliveryBytesMax = 64 << 20

  /// Most deliveries that a worker is given at a time.
  public var deliveriesMax = 1_000

  /// How long the first delivery after a pause waits for company.
  public var gathering: Duration = .milliseconds(5)

  /// Least time between two messages of change events: those that come meanwhile share the next.
  public var changesInterval: Duration = .milliseconds(20)

  /// How long change events are kept, and so how long a watcher may be away: whole seconds. In
  /// force from the stream's first declaration on, like the two below.
  public var changesKept: Duration = .seconds(24 * 3_600)

  /// Most bytes of change events that are kept, even if they are younger.
  public var changeBytesKept: Int64 = 10 << 30

  /// Length of the stream's files; it forgets whole ones only.
  public var changeSegmentBytes: Int64 = 64 << 20

  /// Bytes of change events that a process keeps in memory for its watchers; who is further behind
  /// reads from the broker.
  public var watchedBytesMax = 16 << 20

  /// Most watchers that read from the broker at a time, in a process.
  public var replaysMax = 256

  /// How long the connection for watchers outlives the last of them.
  public var watchLinger: Duration = .seconds(30)

  /// The defaults for some brokers.
  public init(urls: [String]) { self.urls = urls }

  var writesQueue: String { queuePrefix + ".writes" }
  var deadLetterQueue: String { queuePrefix + ".writes.dead" }
  var changesStream: String { queuePrefix + ".changes" }

  /// Throws unless all URLs can be read.
  public func check() throws(BrokerAddressError) { _ = try addresses() }

  /// The hosts that are spoken to without TLS, and so without verifying their certificate. Empty
  /// where the URLs can't be read.
  public var unverifiedHosts: [String] {
    ((try? addresses()) ?? []).filter { !$0.usesTLS }.map(\.host)
  }

  /// The brokers that `urls` names.
  func addresses() throws(BrokerAddressError) -> [BrokerAddress] {
    guard !urls.isEmpty else { throw .noBroker }
    var addresses: [BrokerAddress] = []
    for url in urls { addresses.append(try BrokerAddress(url)) }
    return addresses
  }
}
