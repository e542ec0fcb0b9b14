internal import Basics
internal import EventLoop
internal import KeyValueStore

/// Where Redis is, and how it is used as a cache.
///
/// The database that it names belongs to the cache alone: the cache may flush it.
public struct RedisConfiguration: Sendable {
  /// How the address of Redis is found.
  public enum Source: Equatable, Sendable {
    /// A majority of these Sentinels names it. `master` is their name for it.
    case sentinels([HostAndPort], master: String)
    /// It is fixed.
    case server(HostAndPort)
  }

  public var source: Source
  /// The ACL user; nil: the default user.
  public var user: String?
  public var password: String?
  public var sentinelPassword: String?
  /// The number of the database.
  public var database = 0
  /// How long Redis keeps an entry. At least 10 s.
  public var timeToLive: Duration = .seconds(300)
  /// How long an operation may take before Redis is bypassed.
  public var operationDeadline: Duration = .milliseconds(50)
  /// How long a reader may take to fill an entry that it missed. At least 2 s.
  public var leaseTime: Duration = .seconds(5)
  /// How long an attempt to connect may take. Longer than an operation: an attempt that waits for a
  /// hanging Redis repairs the cache as soon as Redis goes on.
  public var connectDeadline: Duration = .seconds(1)
  /// For how long other processes may still acknowledge writes without a repair after they can have
  /// one again.
  public var relianceMax = RepairEvidence.relianceMax
  /// How long a write waits for this process to repair its failed update, counted from when the
  /// connection was lost or the process began: as long as a reconnect takes. After that the write
  /// asks other processes.
  public var repairPatience: Duration = .milliseconds(500)
  /// How far apart the clocks of nodes and database may be.
  public var clockSkew: Duration = .milliseconds(500)
  /// Commands of each event loop that may wait for their reply. Beyond it Redis is bypassed.
  public var pendingCommandsMax = 16_384
  /// Bytes of commands of each event loop that may wait for their reply.
  public var pendingBytesMax = 32 << 20
  /// Keys with a failed update that a process remembers. Beyond it the whole cache is dropped.
  public var failedUpdatesMax = 100_000

  /// How long reads stay off in a new session, counted from when it began, or from when no vote for
  /// the previous master counts any more if that is later. Nor do updates that were committed
  /// before create an entry.
  ///
  /// While Redis was away from all processes, some may have acknowledged writes that it does not
  /// have, because nobody seemed to read from it. At the end of the quarantine that is over:
  ///
  /// - Every process that can reach Redis has a session, too. If Redis came back just after an
  ///   attempt to connect had begun, it takes `connectDeadline` until this attempt fails, and up to
  ///   `reconnectPauseMax` until the next one.
  /// - `relianceMax` later no process acknowledges a write without a repair any more, not even one
  ///   that can't reach Redis. The others use this time to repair what they have acknowledged
  ///   without one.
  ///
  /// The model in Tests/Model takes this for granted, because it has no clock.
  public var quarantine: Duration { connectDeadline + Self.reconnectPauseMax + relianceMax }

  /// The longest pause between two attempts to connect.
  static let reconnectPauseMax = Duration.milliseconds(500)

  /// A Redis found through `source`; by default the one on this machine.
  public init(source: Source = .server(HostAndPort(host: "127.0.0.1", port: 6_379))) {
    self.source = source
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

  /// A Redis at `redis://[[user]:password@]host[:port][/database]`, the form in the scheme's
  /// registration with IANA; port 6379 and database 0 unless given.
  public init(url text: String) throws(RedisConfigurationError) {
    let rest: Substring
    if text.lowercased().hasPrefix("redis://") {
      rest = text.dropFirst("redis://".count)
    } else if text.lowercased().hasPrefix("rediss://") {
      throw .encryptionUnsupported
    } else {
      throw .unknownScheme
    }
    guard !rest.contains(where: { $0 == "?" || $0 == "#" }) else { throw .unknownParameter }
    // The last @ ends the credentials: an unencoded @ before it belongs to the password.
    let at = rest.lastIndex(of: "@")
    (user, password) = try Self.credentials(at.map { rest[..<$0] })
    let place = at.map { rest[rest.index(after: $0)...] } ?? rest
    let parts = place.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let address = HostAndPort(parts.first ?? "", defaultPort: 6379) else {
      throw .invalidAddress
    }
    source = .server(address)
    if parts.count == 2, !parts[1].isEmpty {
      guard let database = Int(parts[1]), (0..<1_000_000).contains(database),
        parts[1].allSatisfy(\.isNumber)
      else { throw .invalidDatabase }
      self.database = database
    }
  }

  private static func credentials(
    _ text: Substring?
  ) throws(RedisConfigurationError) -> (user: String?, password: String?) {
    guard let text, !text.isEmpty else { return (nil, nil) }
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let user = try decode(parts[0])
    let password = parts.count == 2 ? try decode(parts[1]) : nil
    return (user.isEmpty ? nil : user, password?.isEmpty == true ? nil : password)
  }

  private static func decode(_ text: Substring) throws(RedisConfigurationError) -> String {
    guard let bytes = [UInt8](percentDecoding: Array(text.utf8)[...]),
      let decoded = String(validating: bytes, as: UTF8.self)
    else { throw .invalidEscape }
    return decoded
  }
}

/// Why a setting does not say where Redis is. Never contains the setting: it may hold a password.
public enum RedisConfigurationError: Error, Equatable, CustomStringConvertible {
  /// Neither `redis://` nor `rediss://`.
  case unknownScheme
  /// `rediss://`: this build speaks to Redis without TLS only.
  case encryptionUnsupported
  /// No host, or an invalid port.
  case invalidAddress
  /// A `%` without two hexadecimal digits, or bytes that are not UTF-8.
  case invalidEscape
  /// What follows the host is not the number of a database.
  case invalidDatabase
  /// A query or fragment, which means nothing here.
  case unknownParameter
  /// An empty list of Sentinels.
  case noSentinels

  /// What to do about it.
  public var description: String {
    switch self {
    case .unknownScheme: "the URL must begin with redis://"
    case .encryptionUnsupported:
      "rediss:// needs a build with TLS for Redis, which this is not: use redis:// on a private "
        + "network, or a TLS tunnel"
    case .invalidAddress: "the address must be host or host:port, with a port from 1 to 65535"
    case .invalidEscape: "user name and password must be percent-encoded UTF-8"
    case .invalidDatabase: "what follows the host must be the number of a database"
    case .unknownParameter: "the URL must end with the database: no query, no fragment"
    case .noSentinels: "name at least one Sentinel as host:port"
    }
  }
}

/// Where a server listens.
public struct HostAndPort: Hashable, Sendable, CustomStringConvertible {
  /// A name or an IP address, without brackets.
  public let host: String
  public let port: UInt16

  public init(host: String, port: UInt16) {
    self.host = host
    self.port = port
  }

  /// Reads `host`, `host:port`, `[IPv6]` or `[IPv6]:port`; nil for anything else.
  init?(_ text: Substring, defaultPort: UInt16) {
    let host: Substring
    let port: Substring?
    if text.first == "[" {
      guard let end = text.firstIndex(of: "]") else { return nil }
      host = text[text.index(after: text.startIndex)..<end]
      let rest = text[text.index(after: end)...]
      guard rest.isEmpty || rest.first == ":" else { return nil }
      port = rest.isEmpty ? nil : rest.dropFirst()
    } else {
      let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      host = parts[0]
      port = parts.count == 2 ? parts[1] : nil
      guard port?.contains(":") != true else { return nil }
    }
    guard !host.isEmpty, !host.contains(where: { $0.isWhitespace || $0 == "/" || $0 == "@" })
    else { return nil }
    if let port {
      guard let number = UInt16(port), number > 0, port.first != "+" else { return nil }
      self.init(host: String(host), port: number)
    } else {
      self.init(host: String(host), port: defaultPort)
    }
  }

  /// `host:port`, as logs and errors show it.
  public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

  /// The same place with an IP address instead of a name: a different one at each attempt if the
  /// name has several. Nil: the name can't be resolved now.
  func resolved(attempt: Int, within duration: Duration) async -> HostAndPort? {
    let addresses = await HostLookup.addresses(of: host, within: duration)
    if addresses.isEmpty { return nil }
    return HostAndPort(host: addresses[attempt % addresses.count], port: port)
  }
}
