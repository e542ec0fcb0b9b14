internal import Basics

/// Where the brokers are and how they are used.
public struct RabbitMQConfiguration: Sendable {
  /// `amqp://user:password@host:port/vhost`, one for each broker, tried in random order; `amqps`
  /// for TLS. Secret.
  public var urls: [String]

  /// Certificates of the authorities that sign those of the brokers (`amqps`), as PEM; nil: the
  /// system's, where Debian keeps them.
  public var certificateAuthorityPath: String?

  /// What the names of all queues begin with: `kv` makes `kv.writes`, `kv.writes.dead` and
  /// `kv.changes`.
  public var queuePrefix = "kv"

  /// A broker that sends nothing for twice this time is given up. Whole seconds, at least 1 s.
  public var heartbeat: Duration = .seconds(10)

  /// How long a broker may take to accept a connection, and then to log in.
  public var connectTimeout: Duration = .seconds(3)

  /// How long a broker may take to answer a request such as the declaration of a queue, which in a
  /// cluster waits for an election.
  public var requestTimeout: Duration = .seconds(10)

  /// How long the declaration of a missing queue waits for all brokers to be in one cluster; after
  /// that a majority of them is enough.
  public var foundingPatience: Duration = .seconds(60)

  /// How long a write waits for its confirm before its outcome counts as unknown.
  public var confirmDeadline: Duration = .seconds(2)

  /// How long nothing may move on a connection on which the broker owes something (a confirm, an
  /// answer, a delivery from a queue that is not empty) before another one is made. Doubled each
  /// time that this did not help, up to a minute.
  public var stallPatience: Duration = .seconds(5)

  /// How long the publisher may take to finish what it has accepted when it is asked to stop.
  public var flushDeadline: Duration = .seconds(3)

  /// Most writes of a process that wait for their confirm.
  public var writesOutstandingMax = 10_000

  /// Most bytes of these writes.
  public var writeBytesOutstandingMax = 128 << 20

  /// Most messages of writes that wait for their confirm at a time, if they are full; one that is
  /// not waits until it is alone.
  public var writeMessagesOutstandingMax = 4

  /// How long a message that is not full waits, after a confirm, for the writers that were answered
  /// then.
  public var writeGathering: Duration = .milliseconds(2)

  /// Most writes in a message.
  public var messageWritesMax = 500

  /// Most bytes of writes in a message; a single write may exceed it.
  public var messageBytesMax = 256 << 10

  /// Most bytes of change events of a process that wait for their confirm.
  public var changeBytesOutstandingMax = 16 << 20

  /// Most messages of writes that a worker holds unacknowledged. Under load a few are a batch, and
  /// `deliveryBytesMax` is reached first; when it is quiet, each is a write.
  public var prefetch: UInt16 = 400

  /// Bytes of deliveries that a worker holds: it reads no more while it holds as many. One message
  /// may exceed it.
  public var deliveryBytesMax = 64 << 20

  /// Most deliveries, which are writes, that a worker is given at a time.
  public var batchDeliveriesMax = 1_000

  /// How long the first delivery waits for more.
  public var gathering: Duration = .milliseconds(5)

  /// Least time from a batch of many deliveries to the next, unless that is full: a batch costs the
  /// database and the brokers about as much with ten writes as with a hundred.
  public var batchInterval: Duration = .milliseconds(20)

  /// Least time between two messages of change events: the events that come meanwhile share the
  /// next message.
  public var changesInterval: Duration = .milliseconds(20)

  /// How much later than others a process may publish a change while all goes well. A change is
  /// held back for so long where others of its key may come before it: see `EventOrder`.
  public var changeSkewMax: Duration = .milliseconds(50)

  /// How long a change is held back while others of its key, which come before it, are known to be
  /// missing: longer than it takes to publish what a crashed process left.
  public var changeLatenessMax: Duration = .seconds(15)

  /// How long change events are kept, and so how long a watcher may be away. Whole seconds. Takes
  /// effect when the stream is first declared, like the next two.
  public var changesKept: Duration = .seconds(24 * 3_600)

  /// Most bytes of change events that are kept, even if they are younger.
  public var changeBytesKept: Int64 = 10 << 30

  /// Length of the stream's files; RabbitMQ deletes only whole files.
  public var changeSegmentBytes: Int64 = 64 << 20

  /// Bytes of change events that a process keeps in memory for its watchers; a watcher that is
  /// further behind reads from the broker.
  public var watchedBytesMax = 16 << 20

  /// Most watchers of a process that read from the broker at a time.
  public var replaysMax = 256

  /// How long the connection for watchers outlives the last of them.
  public var watchLinger: Duration = .seconds(30)

  /// The defaults, for these brokers.
  public init(urls: [String]) { self.urls = urls }

  /// The queue of writes.
  public var writesQueue: String { queuePrefix + ".writes" }
  var deadLetterQueue: String { queuePrefix + ".writes.dead" }
  var changesStream: String { queuePrefix + ".changes" }

  /// Throws unless all URLs can be read.
  public func check() throws(BrokerAddressError) { _ = try addresses() }

  /// The hosts that are reached without TLS, and so without verifying their certificate. Empty if
  /// the URLs can't be read.
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

/// One broker: `amqp[s]://[user[:password]@]host[:port][/vhost]`
/// (https://www.rabbitmq.com/uri-spec.html). Secret, but for `name`.
struct BrokerAddress: Equatable, Sendable {
  let usesTLS: Bool
  let user: String
  let password: String
  let host: String
  let port: UInt16
  let virtualHost: String

  /// Host and port, for logs.
  var name: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

  /// Reads a URL. Missing parts are those of a fresh RabbitMQ: `guest`, `guest`, 5672 (5671 with
  /// TLS) and `/`, also where the specification means a virtual host without a name.
  init(_ url: String) throws(BrokerAddressError) {
    let lowercased = url.lowercased()
    guard let scheme = ["amqp://", "amqps://"].first(where: lowercased.hasPrefix) else {
      throw .scheme
    }
    usesTLS = scheme == "amqps://"
    let rest = url.utf8.dropFirst(scheme.utf8.count)
    let slash = rest.firstIndex(of: UInt8(ascii: "/")) ?? rest.endIndex
    let authority = rest[..<slash]
    let path = rest[slash...].dropFirst()
    guard path.allSatisfy({ !BrokerAddress.endsPath($0) }) else { throw .virtualHost }
    virtualHost = path.isEmpty ? "/" : try BrokerAddress.decoded(path)

    // A password may hold an @ that is not escaped: the last one ends it.
    let at = authority.lastIndex(of: UInt8(ascii: "@"))
    if let at {
      let parts = authority[..<at].split(
        separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false)
      user = try BrokerAddress.decoded(parts[0])
      password = parts.count > 1 ? try BrokerAddress.decoded(parts[1]) : ""
    } else {
      (user, password) = ("guest", "guest")
    }
    let place = authority[(at.map { authority.index(after: $0) } ?? authority.startIndex)...]
    let (host, port) = try BrokerAddress.split(place)
    guard !host.isEmpty, host.allSatisfy({ $0 > 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "%") })
    else { throw .host }
    self.host = String(decoding: host, as: UTF8.self)
    if port.isEmpty {
      self.port = usesTLS ? 5_671 : 5_672
    } else {
      guard port.allSatisfy({ $0.decimalDigit != nil }),
        let number = UInt16(String(decoding: port, as: UTF8.self)), number > 0
      else { throw .port }
      self.port = number
    }
  }

  private typealias Part = Substring.UTF8View

  /// Host, without the brackets of IPv6, and port.
  private static func split(_ place: Part) throws(BrokerAddressError) -> (host: Part, port: Part) {
    if place.first == UInt8(ascii: "[") {
      guard let end = place.firstIndex(of: UInt8(ascii: "]")) else { throw .host }
      let after = place[place.index(after: end)...]
      guard after.isEmpty || after.first == UInt8(ascii: ":") else { throw .host }
      return (place[place.index(after: place.startIndex)..<end], after.dropFirst())
    }
    guard let colon = place.firstIndex(of: UInt8(ascii: ":")) else {
      return (place, place[place.endIndex...])
    }
    return (place[..<colon], place[place.index(after: colon)...])
  }

  private static func endsPath(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "/") || byte == UInt8(ascii: "?") || byte == UInt8(ascii: "#")
  }

  private static func decoded(_ part: Part) throws(BrokerAddressError) -> String {
    // The C library takes strings that end at a NUL.
    guard let bytes = [UInt8](percentDecoding: Array(part)[...]), !bytes.contains(0),
      let text = String(validating: bytes, as: UTF8.self)
    else { throw .escape }
    return text
  }
}

/// What is wrong with a broker's URL. Quotes nothing of it, as it holds a password.
public enum BrokerAddressError: Error, Equatable, CustomStringConvertible {
  case noBroker
  case scheme
  /// There is no host, or its brackets do not match.
  case host
  case port
  /// A percent sign without two hexadecimal digits, or something that is not UTF-8 or holds a NUL.
  case escape
  /// The virtual host has a slash in it that is not written `%2F`, or a query follows.
  case virtualHost

  public var description: String {
    switch self {
    case .noBroker: "no RabbitMQ URL is given"
    case .scheme: "a RabbitMQ URL begins with amqp:// or amqps://"
    case .host: "a RabbitMQ URL has no host that can be read"
    case .port: "a RabbitMQ URL has a port that is not one of 1 to 65535"
    case .escape: "a RabbitMQ URL has a bad escape in its user, password or virtual host"
    case .virtualHost: "a RabbitMQ URL ends with one virtual host, without slashes or a query"
    }
  }
}
