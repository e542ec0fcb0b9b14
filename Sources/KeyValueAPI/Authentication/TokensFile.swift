internal import Basics
internal import Foundation
internal import HTTP
internal import KeyValueStore

/// The list of tokens (`KV_TOKENS_FILE`): one a line, its fields separated by spaces or tabs.
///
///     # name  SHA-256 of the token (printf %s "$TOKEN" | sha256sum)  scopes      prefix  rate
///     shop    9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d…  read,write  shop/   100
///     ops     60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe…  admin       *       -
///
/// The prefix is percent-encoded as in a path (`%20` is a space, `%2A` an asterisk); `*` means all
/// keys. The rate, in requests/s, may be left out: `-` or nothing is no limit. A name may occur
/// twice, so that a token can be replaced while the old one is still in use; its tokens then share
/// one rate.
struct TokensFile: Sendable {
  /// By the digest of their token.
  private(set) var principals: [TokenDigest: Principal]
  /// The key prefixes of the tokens, each once.
  let keyPrefixes: [[UInt8]]

  /// The most tokens.
  static let tokensMax = 10_000
  /// The longest file, in bytes.
  static let bytesMax = 4 << 20
  /// The longest name, in characters.
  static let nameCharactersMax = 64

  /// Parses the text of a file; the error has everything that is wrong in it.
  init(text: String) throws(TokensFileError) {
    var principals: [TokenDigest: Principal] = [:]
    var lines: [TokenDigest: Int] = [:]
    var rates: [String: (rate: RequestRate?, line: Int)] = [:]
    var problems: [TokensFileError.Problem] = []
    let numbered = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    for (number, line) in zip(1..., numbered) {
      let fields = line.split(whereSeparator: \.isWhitespace)
      guard let first = fields.first, !first.hasPrefix("#") else { continue }
      do throws(TokensFileError.Reason) {
        var (digest, principal) = try Self.entry(fields)
        let perSecond = try Self.perSecond(fields)
        if let earlier = lines[digest] { throw .repeated(line: earlier) }
        if lines.count == Self.tokensMax { throw .tooMany }
        if let named = rates[principal.name], named.rate?.perSecond != perSecond {
          throw .otherRate(line: named.line)
        }
        lines[digest] = number
        let rate =
          rates[principal.name]?.rate ?? perSecond.map { RequestRate(perSecond: $0) }
        rates[principal.name] = (rate, number)
        principal.rate = rate
        principals[digest] = principal
      } catch {
        problems.append(TokensFileError.Problem(line: number, reason: error))
      }
    }
    if problems.isEmpty, principals.isEmpty {
      problems.append(TokensFileError.Problem(line: 1, reason: .empty))
    }
    guard problems.isEmpty else { throw TokensFileError(problems: problems) }
    self.principals = principals
    keyPrefixes = Array(Set(principals.values.map(\.keyPrefix)))
  }

  private static func entry(
    _ fields: [Substring]
  ) throws(TokensFileError.Reason) -> (TokenDigest, Principal) {
    guard (4...5).contains(fields.count) else { throw .fields(fields.count) }
    guard isName(fields[0]) else { throw .name }
    guard let digest = TokenDigest(hexadecimal: fields[1]) else { throw .digest }
    guard digest != TokenDigest(ofToken: []) else { throw .emptyToken }
    let scopes = fields[2].split(separator: ",", omittingEmptySubsequences: false).map {
      Scope(rawValue: String($0))
    }
    guard !scopes.contains(nil) else { throw .scopes }
    return (
      digest,
      Principal(
        name: String(fields[0]), scopes: Set(scopes.compactMap { $0 }),
        keyPrefix: try prefix(fields[3]))
    )
  }

  private static func isName(_ text: Substring) -> Bool {
    text.utf8.count <= nameCharactersMax
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
          UInt8(ascii: "-"), UInt8(ascii: "@"):
          true
        default: false
        }
      }
  }

  private static func prefix(_ field: Substring) throws(TokensFileError.Reason) -> [UInt8] {
    if field == "*" { return [] }
    guard let bytes = [UInt8](percentDecoding: Array(field.utf8)[...]) else { throw .prefix }
    do throws(Key.Invalid) {
      // A prefix that is no key itself is the prefix of none.
      return try Key(validating: bytes).bytes
    } catch {
      throw .prefix
    }
  }

  /// The requests a second of a line; nil: as many as there are.
  private static func perSecond(_ fields: [Substring]) throws(TokensFileError.Reason) -> Int? {
    guard fields.count > 4, fields[4] != "-" else { return nil }
    guard fields[4].utf8.allSatisfy({ $0.decimalDigit != nil }), let number = Int(fields[4]),
      RequestRate.allowed.contains(number)
    else { throw .rate }
    return number
  }

  /// The same tokens, where each name goes on with its bucket in `earlier`: reading the file again
  /// fills none.
  func continuing(_ earlier: TokensFile) -> TokensFile {
    var file = self
    let known = Dictionary(
      earlier.principals.values.map { ($0.name, $0.rate) }, uniquingKeysWith: { one, _ in one })
    var rates: [String: RequestRate] = [:]
    for (digest, principal) in principals {
      guard let rate = principal.rate, let old = known[principal.name] ?? nil else { continue }
      let kept =
        old.perSecond == rate.perSecond
        ? old : rates[principal.name] ?? RequestRate(perSecond: rate.perSecond, following: old)
      rates[principal.name] = kept
      file.principals[digest]?.rate = kept
    }
    return file
  }
}

extension TokensFile {
  static func read(path: String) throws(TokensFileError) -> TokensFile {
    let data: Data
    do {
      data = try Data(contentsOf: URL(filePath: path))
    } catch {
      throw TokensFileError(reason: .unreadable(obstacle(at: path)))
    }
    guard data.count <= bytesMax else { throw TokensFileError(reason: .tooLarge) }
    guard let text = String(validating: data, as: UTF8.self) else {
      throw TokensFileError(reason: .notUTF8)
    }
    return try TokensFile(text: text)
  }

  /// Why a file can't be read, in the system's words: Foundation's leave it open.
  private static func obstacle(at path: String) -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return String(cString: strerror(errno)) }
    close(descriptor)
    return "it is not a file"
  }

  /// A warning if others than the owner may read or write the file.
  static func permissionsWarning(path: String) -> String? {
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    guard let mode = attributes?[.posixPermissions] as? Int else { return nil }
    if mode & 0o022 != 0 { return "others may write the tokens file: use chmod 600" }
    if mode & 0o004 != 0 { return "everybody may read the tokens file: use chmod 600" }
    return nil
  }
}

/// Everything that is wrong in a tokens file. It never quotes the file: that may be a token.
struct TokensFileError: Error, Equatable, CustomStringConvertible {
  struct Problem: Equatable, Sendable {
    /// Counted from 1.
    let line: Int
    let reason: Reason
  }

  enum Reason: Error, Equatable {
    case fields(Int)
    case name
    case digest
    case emptyToken
    case scopes
    case prefix
    case rate
    case otherRate(line: Int)
    case repeated(line: Int)
    case tooMany
    case empty
    case notUTF8
    case tooLarge
    case unreadable(String)
  }

  /// In the order of the lines.
  let problems: [Problem]

  init(problems: [Problem]) { self.problems = problems }

  /// An error of the whole file.
  init(reason: Reason) { problems = [Problem(line: 0, reason: reason)] }

  var description: String {
    problems.map { $0.line > 0 ? "line \($0.line): \($0.reason.text)" : $0.reason.text }
      .joined(separator: "; ")
  }
}

extension TokensFileError.Reason {
  fileprivate var text: String {
    switch self {
    case .fields(let count):
      "\(count) fields instead of 4 or 5: name, SHA-256 of the token, scopes, key prefix (* for "
        + "all keys), requests/s (- for no limit)"
    case .name: "the name has up to 64 letters, digits or any of ._-@"
    case .digest:
      "the second field is the SHA-256 of the token in 64 hexadecimal digits, as printed by "
        + "printf %s \"$TOKEN\" | sha256sum"
    case .emptyToken: "this is the SHA-256 of an empty token"
    case .scopes: "scopes are read, write and admin, with commas and no spaces between them"
    case .prefix:
      "the key prefix is * or 1 to 1,024 bytes of UTF-8, percent-encoded, without control "
        + "characters"
    case .rate:
      "column 5, requests/s, is a whole number from \(RequestRate.allowed.lowerBound) to "
        + "\(RequestRate.allowed.upperBound), or - for no limit (a space in a prefix is %20)"
    case .otherRate(let line):
      "column 5, requests/s, differs from that of line \(line), which has the same name: the "
        + "tokens of a name share one rate"
    case .repeated(let line): "the same token as in line \(line)"
    case .tooMany: "more than \(TokensFile.tokensMax) tokens"
    case .empty: "no token: nobody could use the server"
    case .notUTF8: "the file is not UTF-8"
    case .tooLarge: "the file has more than \(TokensFile.bytesMax >> 20) MiB"
    case .unreadable(let cause): "can't read the file: \(cause)"
    }
  }
}
