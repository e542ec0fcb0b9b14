internal import Synchronization

/// Knows clients by the bearer tokens of a file (RFC 6750 §2.1).
///
/// Loops share it. The lock is held for one look into a dictionary; without a tokens file, nobody
/// takes it.
final class TokenAuthenticator: Authenticating {
  let isRequired = true
  private let file: Mutex<TokensFile>

  /// The longest token that is looked at, in bytes.
  private static let tokenBytesMax = 4_096
  private static let scheme = Array("bearer".utf8)

  init(_ file: TokensFile) { self.file = Mutex(file) }

  /// From now on the tokens of `file` are good, and no others.
  func replace(with file: TokensFile) {
    self.file.withLock { $0 = file }
  }

  var keyPrefixes: [[UInt8]] { file.withLock { $0.keyPrefixes } }

  func principal(authorization: ArraySlice<UInt8>) -> Principal? {
    guard let token = Self.token(in: authorization) else { return nil }
    let digest = TokenDigest(ofToken: token)
    return file.withLock { $0.principals[digest] }
  }

  /// `Bearer 1*SP b64token`; the scheme in any case (RFC 9110 §11.1).
  static func token(in authorization: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    guard let space = authorization.firstIndex(of: UInt8(ascii: " ")) else { return nil }
    let scheme = authorization[..<space]
    guard scheme.elementsEqual(Self.scheme, by: { $0 | 0x20 == $1 }) else { return nil }
    let token = authorization[space...].drop { $0 == UInt8(ascii: " ") }
    guard !token.isEmpty, token.count <= tokenBytesMax, token.allSatisfy(isTokenByte) else {
      return nil
    }
    return token
  }

  /// The letters of `b64token`. Where `=` may stand does not matter: the digest decides.
  private static func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
      UInt8(ascii: "_"), UInt8(ascii: "~"), UInt8(ascii: "+"), UInt8(ascii: "/"),
      UInt8(ascii: "="):
      true
    default: false
    }
  }
}
