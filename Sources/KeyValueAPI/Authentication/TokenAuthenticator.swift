internal import Basics
internal import COpenSSL
internal import Logging
internal import Synchronization

/// Identifies clients by the bearer tokens of a file (RFC 6750 §2.1).
///
/// All loops share it. The lock is held for one dictionary lookup.
final class TokenAuthenticator: Authenticating {
  let isRequired = true
  private let file: Mutex<TokensFile>
  private let replaced = Atomic<Int>(0)

  /// A longer token is unknown without a digest of it being made.
  private static let tokenBytesMax = 4_096
  private static let scheme = Array("bearer".utf8)

  init(_ file: TokensFile) { self.file = Mutex(file) }

  /// From now on only the tokens of `file` are known. What a token has used of its rate stays used.
  /// One caller at a time.
  func replace(with file: TokensFile) {
    // Made before the lock is taken: a file may be long, and the loops ask it at every request.
    let file = file.continuing(self.file.withLock { $0 })
    self.file.withLock { $0 = file }
    // Who sees the number also sees the file.
    replaced.add(1, ordering: .releasing)
  }

  var changes: Int { replaced.load(ordering: .acquiring) }

  var keyPrefixes: [[UInt8]] { file.withLock { $0.keyPrefixes } }

  func principal(authorization: ArraySlice<UInt8>) -> Principal? {
    guard let token = Self.token(in: authorization) else { return nil }
    let digest = TokenDigest(ofToken: token)
    return file.withLock { $0.principals[digest] }
  }

  /// `Bearer 1*SP b64token`; the scheme in any case (RFC 9110 §11.1).
  private static func token(in authorization: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    guard let space = authorization.firstIndex(of: UInt8(ascii: " ")) else { return nil }
    let scheme = authorization[..<space]
    guard scheme.elementsEqual(Self.scheme, by: { $0 | 0x20 == $1 }) else { return nil }
    let token = authorization[space...].drop { $0 == UInt8(ascii: " ") }
    guard !token.isEmpty, token.count <= tokenBytesMax, token.allSatisfy(isTokenByte) else {
      return nil
    }
    return token
  }

  /// The letters of `b64token`. `=` is accepted anywhere: the digest decides.
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

/// The SHA-256 of a token: all that the server keeps of it.
///
/// The server finds it by a hash whose seed is new in each process, and compares it in constant
/// time. So the time that a refusal takes tells nothing about the known digests.
struct TokenDigest: Hashable, Sendable {
  private static let count = 32
  private let bytes: [UInt8]

  init(ofToken token: ArraySlice<UInt8>) {
    bytes = Digest.sha256(Array(token))
  }

  /// A digest as `sha256sum` prints it: 64 hexadecimal digits in either case.
  init?(hexadecimal text: some StringProtocol) {
    let digits = text.utf8.compactMap(\.hexadecimalDigit)
    guard text.utf8.count == 2 * Self.count, digits.count == 2 * Self.count else { return nil }
    bytes = (0..<Self.count).map { UInt8(digits[2 * $0] << 4 | digits[2 * $0 + 1]) }
  }

  /// The arrays are lent to C for the call; both have `count` bytes.
  static func == (left: TokenDigest, right: TokenDigest) -> Bool {
    CRYPTO_memcmp(left.bytes, right.bytes, count) == 0
  }

  func hash(into hasher: inout Hasher) { hasher.combine(bytes) }
}

/// Reads the tokens file again. A file with an error changes nothing.
struct TokensReload: Sendable {
  let path: String
  let authenticator: TokenAuthenticator
  let logger: Logger

  func reload() {
    do throws(TokensFileError) {
      let file = try TokensFile.read(path: path)
      authenticator.replace(with: file)
      logger.notice("read the tokens file again", metadata: ["tokens": "\(file.principals.count)"])
      if let warning = TokensFile.permissionsWarning(path: path) { logger.warning("\(warning)") }
    } catch {
      logger.warning("the tokens file has errors; the tokens read before stay", error: error)
    }
  }
}
