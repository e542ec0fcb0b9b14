/// Why a setting does not say where Redis is. Never contains what was set: it may hold a password.
public enum RedisConfigurationError: Error, Equatable, CustomStringConvertible {
  /// Neither `redis://` nor `rediss://`.
  case unknownScheme
  /// `rediss://`: this build speaks to Redis without TLS only.
  case encryptionUnsupported
  /// No host, or a port that is none.
  case invalidAddress
  /// A `%` without two hexadecimal digits, or bytes that are not UTF-8.
  case invalidEscape
  /// What follows the host is not the number of a database.
  case invalidDatabase
  /// A query or fragment, which means nothing here.
  case unknownParameter
  /// A list of Sentinels without any.
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
