internal import Foundation

/// Where a server listens: `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080` or `:8080`
/// (everywhere).
public struct SocketAddress: Equatable, Sendable, CustomStringConvertible {
  /// An IPv4 or IPv6 address or a host name; empty: every address of this host.
  public let host: String
  /// 0 to 65,535; 0: the system picks a free one.
  public let port: UInt16

  /// An address of known parts.
  public init(host: String, port: UInt16) {
    self.host = host
    self.port = port
  }

  /// Reads `host:port`; an IPv6 address stands in brackets.
  public init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":"),
      let port = UInt16(text[text.index(after: colon)...])
    else { return nil }
    var host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
    } else if host.contains(":") {
      return nil
    }
    self.init(host: String(host), port: port)
  }

  /// Whether only this host can reach it. A host name that begins with `127.` may lead anywhere.
  public var isLoopback: Bool {
    let isNumeric = host.utf8.allSatisfy {
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: ".")
    }
    return host == "localhost" || host == "::1" || (isNumeric && host.hasPrefix("127."))
  }

  /// `host:port`, as it was read.
  public var description: String {
    host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
  }
}
