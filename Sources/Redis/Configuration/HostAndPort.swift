internal import EventLoop

/// Where a server listens.
public struct HostAndPort: Hashable, Sendable, CustomStringConvertible {
  /// A name or an IP address, without brackets.
  public let host: String
  /// A TCP port, from 1.
  public let port: UInt16

  /// A place that is known already.
  public init(host: String, port: UInt16) {
    self.host = host
    self.port = port
  }

  /// Reads `host`, `host:port`, `[IPv6]` or `[IPv6]:port`; nil for anything else.
  public init?(_ text: some StringProtocol, defaultPort: UInt16) {
    let host: Substring
    let port: Substring?
    let text = Substring(text)
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
}

extension HostAndPort {
  /// With an IP address instead of a name, another one at each attempt if it has several; nil if
  /// the name is unknown now.
  func resolved(attempt: Int, within duration: Duration) async -> HostAndPort? {
    let addresses = await HostLookup.addresses(of: host, within: duration)
    if addresses.isEmpty { return nil }
    return HostAndPort(host: addresses[attempt % addresses.count], port: port)
  }
}
