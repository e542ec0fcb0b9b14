/// Where a server is: the scheme, the host, the port, and a path in front of the API's.
package struct ServerAddress: Equatable, Sendable {
  package let isSecure: Bool
  /// A name or an IP address, without brackets.
  package let host: String
  package let port: UInt16
  /// What comes before `/kv`, without a slash at its end; empty for most servers.
  package let pathPrefix: String

  /// Reads `http://host:port/prefix` or `https://…`; nil: it is neither. User, password, query and
  /// fragment have no place in it.
  package init?(_ text: String) {
    let secure = text.hasPrefix("https://")
    guard secure || text.hasPrefix("http://") else { return nil }
    let rest = text.dropFirst(secure ? 8 : 7)
    let authority = rest.prefix { $0 != "/" }
    let path = rest.dropFirst(authority.count)
    let isPlain = { (byte: UInt8) in byte > 0x20 && byte < 0x7F && !"?#@\\".utf8.contains(byte) }
    guard rest.utf8.allSatisfy(isPlain) else { return nil }
    var host = authority
    var port: Substring?
    if authority.hasPrefix("[") {
      guard let end = authority.firstIndex(of: "]") else { return nil }
      host = authority[authority.index(after: authority.startIndex)..<end]
      let tail = authority[authority.index(after: end)...]
      guard tail.isEmpty || tail.hasPrefix(":") else { return nil }
      port = tail.isEmpty ? nil : tail.dropFirst()
    } else if let colon = authority.firstIndex(of: ":") {
      host = authority[..<colon]
      port = authority[authority.index(after: colon)...]
    }
    guard !host.isEmpty else { return nil }
    if let port {
      guard let number = UInt16(port), number > 0 else { return nil }
      self.port = number
    } else {
      self.port = secure ? 443 : 80
    }
    isSecure = secure
    self.host = String(host)
    pathPrefix = String(path.reversed().drop { $0 == "/" }.reversed())
  }

  /// The header field `Host` (RFC 9110 §7.2): the port only where it is not the scheme's own.
  package var authority: String {
    let name = host.contains(":") ? "[\(host)]" : host
    return port == (isSecure ? 443 : 80) ? name : "\(name):\(port)"
  }

  package var text: String { "\(isSecure ? "https" : "http")://\(authority)\(pathPrefix)" }
}
