import HTTP

/// Tells requests that are meant for this machine from those whose name only leads here.
///
/// A server without tokens on a loopback address trusts its machine, and so every browser on it. A
/// web page whose own host name has been bound to 127.0.0.1 (DNS rebinding) is then of the same
/// origin as this server, and could read and write everything; but its requests carry that name.
enum LocalHost {
  /// Whether `Host` is `localhost` or an IP address. HTTP/1.0 may leave it out, browsers never do.
  static func isNamed(in head: RequestHead) -> Bool {
    guard let host = head.first(.host) else { return true }
    // RFC 3986 §3.2.2: what begins with a bracket is an address; the parser has seen to the rest.
    if host.first == UInt8(ascii: "[") { return true }
    let name = host.prefix { $0 != UInt8(ascii: ":") }
    if let first = name.first, isOfNumber(first) { return name.allSatisfy(isOfNumber) }
    return name.elementsEqual("localhost".utf8) { $0 | 0x20 == $1 }
  }

  /// No name is made of digits and dots only: browsers take it for an address, or for nothing.
  private static func isOfNumber(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: ".")
  }
}
