internal import COpenSSL

/// The SHA-256 of a token: all that the server keeps of it.
///
/// It is found by a hash that is seeded anew for each process, and compared in constant time, so
/// that how long a refusal takes says nothing about the digests that are kept.
struct TokenDigest: Hashable, Sendable {
  /// Bytes of a digest.
  static let count = 32
  private let bytes: [UInt8]

  /// The digest of a token as it was sent.
  init(ofToken token: ArraySlice<UInt8>) {
    bytes = Digest.sha256(Array(token))
  }

  /// A digest as `sha256sum` prints it: 64 hexadecimal digits in either case.
  init?(hexadecimal text: some StringProtocol) {
    let digits = text.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
    guard text.utf8.count == 2 * Self.count, digits.count == 2 * Self.count else { return nil }
    bytes = (0..<Self.count).map { UInt8(digits[2 * $0] << 4 | digits[2 * $0 + 1]) }
  }

  /// Arrays are lent to C for the length of the call, and both have `count` bytes.
  static func == (left: TokenDigest, right: TokenDigest) -> Bool {
    CRYPTO_memcmp(left.bytes, right.bytes, count) == 0
  }

  func hash(into hasher: inout Hasher) { hasher.combine(bytes) }
}
