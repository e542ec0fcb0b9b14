/// `redis://[[user]:password@]host[:port][/database]`, as the IANA registration of the scheme has
/// it.
public struct RedisURL: Equatable, Sendable {
  /// Where Redis listens; port 6379 unless given.
  public let address: HostAndPort
  /// The ACL user; nil: the default user.
  public let user: String?
  /// The password; nil: none.
  public let password: String?
  /// The number of the database, 0 unless given.
  public let database: Int

  /// Reads a URL. The error says what is wrong, but never shows the text.
  public init(_ text: String) throws(RedisConfigurationError) {
    let rest: Substring
    if text.lowercased().hasPrefix("redis://") {
      rest = text.dropFirst("redis://".count)
    } else if text.lowercased().hasPrefix("rediss://") {
      throw .encryptionUnsupported
    } else {
      throw .unknownScheme
    }
    guard !rest.contains(where: { $0 == "?" || $0 == "#" }) else { throw .unknownParameter }
    // The last @ ends the credentials: a password that holds one unencoded is meant like that.
    let at = rest.lastIndex(of: "@")
    (user, password) = try Self.credentials(at.map { rest[..<$0] })
    let place = at.map { rest[rest.index(after: $0)...] } ?? rest
    let parts = place.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let address = HostAndPort(parts.first ?? "", defaultPort: 6379) else {
      throw .invalidAddress
    }
    self.address = address
    if parts.count == 2, !parts[1].isEmpty {
      guard let database = Int(parts[1]), (0..<1_000_000).contains(database),
        parts[1].allSatisfy(\.isNumber)
      else { throw .invalidDatabase }
      self.database = database
    } else {
      database = 0
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
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit)
      else { throw .invalidEscape }
      bytes.append(high << 4 | low)
    }
    guard let decoded = String(validating: bytes, as: UTF8.self) else { throw .invalidEscape }
    return decoded
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
