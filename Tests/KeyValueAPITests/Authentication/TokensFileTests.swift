import Foundation
import Testing

@testable import KeyValueAPI

@Suite("The tokens file")
struct TokensFileTests {
  /// SHA-256 of `test`.
  private let test = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
  /// SHA-256 of `secret`.
  private let secret = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"

  private func problems(_ text: String) -> [TokensFileError.Problem] {
    do throws(TokensFileError) {
      _ = try TokensFile(text: text)
      return []
    } catch {
      return error.problems
    }
  }

  private func problem(_ line: Int, _ reason: TokensFileError.Reason) -> TokensFileError.Problem {
    TokensFileError.Problem(line: line, reason: reason)
  }

  @Test("Each line is a token with its name, scopes and prefix")
  func entries() throws {
    let file = try TokensFile(
      text: """
        # name digest scopes prefix

          # an indented comment
        shop\t\(test)  read,write   shop/
        ops@night \(secret.uppercased()) admin *
        """)
    #expect(file.principals.count == 2)
    let shop = try #require(file.principals[TokenDigest(ofToken: Array("test".utf8)[...])])
    #expect(shop.name == "shop")
    #expect(shop.scopes == [.read, .write])
    #expect(shop.keyPrefix == Array("shop/".utf8))
    #expect(shop.rate == nil)
    let ops = try #require(file.principals[TokenDigest(ofToken: Array("secret".utf8)[...])])
    #expect(ops.name == "ops@night")
    #expect(ops.scopes == [.admin])
    #expect(ops.keyPrefix.isEmpty)
  }

  @Test("A file that can't be read is refused with the system's reason")
  func unreadable() {
    for (path, reason) in [
      ("/nowhere/tokens", "No such file or directory"), ("/dev/null/x", "Not a directory"),
      ("/", "it is not a file"),
    ] {
      let error = #expect(throws: TokensFileError.self) { try TokensFile.read(path: path) }
      #expect(error?.description == "can't read the file: \(reason)")
    }
  }

  @Test("A prefix is percent-decoded; white space behind it does not count")
  func prefixes() throws {
    let prefixes = [
      "a%20b ": "a b", "%2A": "*", "%20": " ", "#tag": "#tag", "ü/": "ü/", "a%2Fb": "a/b",
    ]
    for (field, prefix) in prefixes {
      let file = try TokensFile(text: "a \(test) read \(field)\n")
      #expect(file.principals.values.first?.keyPrefix == Array(prefix.utf8), "\(field)")
    }
  }

  @Test("A fifth column is the rate of the token; - is none")
  func rates() throws {
    for (column, rate) in [
      ("1", 1), ("100", 100), ("1000000", 1_000_000), ("-", nil), ("", nil), ("  7  ", 7),
    ] as [(String, Int?)] {
      let file = try TokensFile(text: "a \(test) read shop/ \(column)\r\n")
      #expect(file.principals.values.map(\.rate?.perSecond) == [rate], "\(column)")
      #expect(file.principals.values.first?.keyPrefix == Array("shop/".utf8))
    }
  }

  @Test("The tokens of a name share one bucket, so they can't have two rates")
  func sharedRates() throws {
    let file = try TokensFile(text: "a \(test) read * 5\na \(secret) read * 5")
    let rates = file.principals.values.map(\.rate)
    #expect(rates.count == 2 && rates[0] != nil && rates[0] === rates[1])
    for rate in ["6", "-", ""] {
      #expect(
        problems("a \(test) read * 5\n\na \(secret) read * \(rate)")
          == [problem(3, .otherRate(line: 1))], "\(rate)")
    }
  }

  @Test(
    "A rate that is no number, or out of bounds, is named with its line and column",
    arguments: [
      "0", "1000001", "-1", "+1", "1.5", "ten", "1e3", "--", "99999999999999999999", "１",
    ])
  func wrongRates(_ rate: String) {
    #expect(
      problems("# tokens\na \(test) read * \(rate)\nb \(secret) read *") == [problem(2, .rate)])
    let text = TokensFileError(problems: [problem(2, .rate)]).description
    #expect(text.hasPrefix("line 2: column 5, requests/s, is a whole number from 1 to 1000000"))
  }

  @Test("Lines may end with CR LF, as an editor on Windows leaves them")
  func lineEnds() throws {
    let file = try TokensFile(text: "a \(test) read *\r\nb \(secret) read x\r\n")
    #expect(file.principals.values.map(\.keyPrefix).sorted { $0.count < $1.count } == [[], [0x78]])
  }

  @Test("All errors are reported at once, each with its line")
  func allProblems() {
    let text = """
      a \(test) read *
      b \(test) read *
      c
      d abc read *
      e/e \(secret) read *
      f \(secret) read,fly *
      g \(secret) read, *
      h \(secret) read %zz
      i \(secret) read a%00
      j e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 read *
      k \(secret) read %ff
      \(String(repeating: "l", count: 65)) \(secret) read *
      m \(secret) read a b
      n \(secret) read * 1 2
      """
    #expect(
      problems(text) == [
        problem(2, .repeated(line: 1)), problem(3, .fields(1)), problem(4, .digest),
        problem(5, .name), problem(6, .scopes), problem(7, .scopes), problem(8, .prefix),
        problem(9, .prefix), problem(10, .emptyToken), problem(11, .prefix), problem(12, .name),
        problem(13, .rate), problem(14, .fields(6)),
      ])
  }

  @Test("A file without a token is refused", arguments: ["", "\n\n", "# only a comment\n"])
  func noToken(_ text: String) {
    #expect(problems(text) == [problem(1, .empty)])
  }

  @Test("An error never repeats what stands in the file")
  func noSecretInErrors() {
    let text = problems("swordfish swordfish swordfish swordfish\nswordfish").map {
      TokensFileError(problems: [$0]).description
    }
    #expect(text.count == 2)
    #expect(!text.joined().contains("swordfish"))
  }

  @Test("One token more than there may be is refused")
  func tooMany() {
    func lines(_ count: Int) -> String {
      (0..<count).map { number in
        let digest = String(number, radix: 16)
        return "a " + String(repeating: "0", count: 64 - digest.count) + digest + " read *\n"
      }.joined()
    }
    #expect(problems(lines(TokensFile.tokensMax)).isEmpty)
    let line = TokensFile.tokensMax + 1
    #expect(problems(lines(line)) == [problem(line, .tooMany)])
  }

  @Test("A file is read from the disk; one that is missing, huge or not UTF-8 is refused")
  func files() throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "tokens-\(UUID())")
    defer { try? FileManager.default.removeItem(at: file) }
    let missing = #expect(throws: TokensFileError.self) { try TokensFile.read(path: file.path) }
    #expect(missing?.description.contains("can't read") == true)

    try Data("a \(test) read *\n".utf8).write(to: file)
    #expect(try TokensFile.read(path: file.path).principals.count == 1)

    try Data([0x61, 0xFF]).write(to: file)
    #expect(throws: TokensFileError(reason: .notUTF8)) { try TokensFile.read(path: file.path) }

    try Data(count: TokensFile.bytesMax + 1).write(to: file)
    #expect(throws: TokensFileError(reason: .tooLarge)) { try TokensFile.read(path: file.path) }
  }

  @Test("A file that others may read or write is pointed out")
  func permissions() throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "tokens-\(UUID())")
    defer { try? FileManager.default.removeItem(at: file) }
    #expect(TokensFile.permissionsWarning(path: file.path) == nil)
    try Data().write(to: file)
    for (mode, word) in [(0o600, nil), (0o640, nil), (0o644, "read"), (0o620, "write")] {
      try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file.path)
      let warning = TokensFile.permissionsWarning(path: file.path)
      #expect(warning?.contains("may \(word ?? "")") ?? false == (word != nil))
    }
  }
}
