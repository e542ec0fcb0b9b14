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

  /// Reads a URL. What it leaves out is what a fresh RabbitMQ has: `guest`, `guest`, 5672 (5671
  /// with TLS) and `/`, also where the specification means a virtual host without a name.
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

    // A password may hold an @ that nobody has escaped: the last one ends it.
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
      guard port.allSatisfy({ (0x30...0x39).contains($0) }),
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
    var bytes: [UInt8] = []
    var rest = part
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit)
      else { throw .escape }
      bytes.append(high << 4 | low)
    }
    // The C library takes strings that end at a NUL.
    guard !bytes.contains(0), let text = String(validating: bytes, as: UTF8.self) else {
      throw .escape
    }
    return text
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x37
    case 0x61...0x66: byte - 0x57
    default: nil
    }
  }
}
