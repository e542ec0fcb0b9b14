/// Everything that is wrong in a tokens file. It never repeats what stands there: that may be a
/// token.
struct TokensFileError: Error, Equatable, CustomStringConvertible {
  /// What is wrong in one line.
  struct Problem: Equatable, Sendable {
    /// Counted from 1.
    let line: Int
    let reason: Reason
  }

  /// What can be wrong.
  enum Reason: Error, Equatable {
    case fields(Int)
    case name
    case digest
    case emptyToken
    case scopes
    case prefix
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

  /// Something is wrong with the file as a whole.
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
      "\(count) of 4 fields: name, SHA-256 of the token, scopes, key prefix (* for all keys)"
    case .name: "the name has up to 64 letters, digits or any of ._-@"
    case .digest:
      "the second field is the SHA-256 of the token in 64 hexadecimal digits, as printed by "
        + "printf %s \"$TOKEN\" | sha256sum"
    case .emptyToken: "this is the SHA-256 of an empty token"
    case .scopes: "scopes are read, write and admin, with commas and no spaces between them"
    case .prefix:
      "the key prefix is * or 1 to 1,024 bytes of UTF-8, percent-encoded, without control "
        + "characters"
    case .repeated(let line): "the same token as in line \(line)"
    case .tooMany: "more than \(TokensFile.tokensMax) tokens"
    case .empty: "no token: nobody could use the server"
    case .notUTF8: "the file is not UTF-8"
    case .tooLarge: "the file has more than \(TokensFile.bytesMax >> 20) MiB"
    case .unreadable(let cause): "can't read the file: \(cause)"
    }
  }
}
