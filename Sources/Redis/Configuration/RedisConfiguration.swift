/// Where Redis is, and how it is used as a cache.
///
/// The database that it names belongs to the cache alone: it may be flushed.
public struct RedisConfiguration: Sendable {
  /// Who says where Redis is.
  public enum Source: Equatable, Sendable {
    /// A majority of these Sentinels, which call it `master`.
    case sentinels([HostAndPort], master: String)
    /// Nobody: it is always there.
    case server(HostAndPort)
  }

  /// Who says where Redis is.
  public var source: Source
  /// The ACL user; nil: the default user.
  public var user: String?
  /// The password of Redis; nil: none.
  public var password: String?
  /// The password of the Sentinels; nil: none.
  public var sentinelPassword: String?
  /// The number of the database: 0 unless told otherwise.
  public var database = 0
  /// How long an entry stays, 300 s unless told otherwise. At least 10 s.
  public var timeToLive: Duration = .seconds(300)
  /// How long an operation may take until Redis is bypassed.
  public var operationDeadline: Duration = .milliseconds(50)
  /// How long a reader may take to fill what it missed. At least 2 s.
  public var leaseTime: Duration = .seconds(5)
  /// How long an attempt to connect may take. Longer than an operation: an attempt that waits for a
  /// Redis that hangs repairs the cache the moment it goes on.
  public var connectDeadline: Duration = .seconds(1)
  /// How long reads stay off after a connection was lost and Redis turned out to be the same, so
  /// that other nodes can repair what they could not update meanwhile.
  public var quarantine: Duration = .milliseconds(300)
  /// How long after its connection was lost, or this process began, a write waits for this process
  /// to repair its failed update: as long as connecting again takes. Others are asked then.
  public var repairPatience: Duration = .milliseconds(500)
  /// How far apart the clocks of nodes and database may be.
  public var clockSkew: Duration = .milliseconds(500)
  /// Commands that wait for their reply, for each event loop. Beyond it Redis is bypassed.
  public var pendingCommandsMax = 16_384
  /// Bytes of commands that wait for their reply, for each event loop.
  public var pendingBytesMax = 32 << 20
  /// Keys whose update failed that a process remembers; beyond it the whole cache is dropped.
  public var failedUpdatesMax = 100_000

  /// A Redis that is found by asking `source`; unless told otherwise, the one of this machine.
  public init(source: Source = .server(HostAndPort(host: "127.0.0.1", port: 6_379))) {
    self.source = source
  }

  /// A Redis at a URL, with its credentials and its database.
  public init(url text: String) throws(RedisConfigurationError) {
    let url = try RedisURL(text)
    source = .server(url.address)
    user = url.user
    password = url.password
    database = url.database
  }

  /// A Redis known to Sentinels: `host:port,host:port`, port 26379 unless given.
  public init(sentinels list: String, master: String) throws(RedisConfigurationError) {
    var addresses: [HostAndPort] = []
    for part in list.split(separator: ",") {
      let name = part.drop(while: \.isWhitespace).prefix { !$0.isWhitespace }
      guard let address = HostAndPort(name, defaultPort: 26_379) else { throw .invalidAddress }
      if !addresses.contains(address) { addresses.append(address) }
    }
    if addresses.isEmpty { throw .noSentinels }
    source = .sentinels(addresses, master: master)
  }
}
