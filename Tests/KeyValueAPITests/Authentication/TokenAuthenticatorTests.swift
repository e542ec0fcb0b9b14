import Foundation
import Logging
import Testing

@testable import KeyValueAPI

@Suite("Bearer tokens")
struct TokenAuthenticatorTests {
  /// SHA-256 of `test`.
  private let test = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
  /// SHA-256 of `secret`.
  private let secret = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"

  private func name(_ authorization: String, in authenticator: TokenAuthenticator) -> String? {
    authenticator.principal(authorization: Array(authorization.utf8)[...])?.name
  }

  @Test("A known token names its principal, with the scheme in any case and any number of spaces")
  func known() throws {
    let file = try TokensFile(text: "shop \(test) read *\nops \(secret) admin *")
    let authenticator = TokenAuthenticator(file)
    #expect(authenticator.isRequired)
    #expect(name("Bearer test", in: authenticator) == "shop")
    #expect(name("bEARER   secret", in: authenticator) == "ops")
  }

  @Test(
    "An unknown token, another scheme or a malformed field names nobody",
    arguments: [
      "", "Bearer", "Bearer ", "test", "Basic test", "Bearer tes", "Bearer test2", "Bearer TEST",
      "Bearertest", "Bearer te st", "Bearer test,", "Bearer \"test\"", "Bearer\ttest",
      "Bearers test", " Bearer test", "Bearer t\u{e9}st",
      "Bearer " + String(repeating: "a", count: 4_097),
    ])
  func unknown(_ authorization: String) throws {
    let authenticator = TokenAuthenticator(try TokensFile(text: "shop \(test) read *"))
    #expect(name(authorization, in: authenticator) == nil)
  }

  @Test("The digest is that of sha256sum, and only equal digests are equal")
  func digests() throws {
    let digest = TokenDigest(ofToken: Array("test".utf8)[...])
    #expect(TokenDigest(hexadecimal: test) == digest)
    #expect(TokenDigest(hexadecimal: secret) != digest)
    // One that differs in its last bit only.
    #expect(TokenDigest(hexadecimal: test.dropLast() + "9") != digest)
    for text in ["", String(test.dropLast()), test + "0", "g" + test.dropFirst(), "é" + test] {
      #expect(TokenDigest(hexadecimal: text) == nil)
    }
  }

  @Test("Reading the file again changes who is known; a file with an error changes nothing")
  func reload() throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "tokens-\(UUID())").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    func write(_ text: String) {
      #expect(FileManager.default.createFile(atPath: path, contents: Data(text.utf8)))
    }
    write("shop \(test) read *")
    let authenticator = TokenAuthenticator(try TokensFile.read(path: path))
    let reload = TokensReload(
      path: path, authenticator: authenticator,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })

    write("ops \(secret) admin *")
    #expect(name("Bearer test", in: authenticator) == "shop")
    reload.reload()
    #expect(name("Bearer test", in: authenticator) == nil)
    #expect(name("Bearer secret", in: authenticator) == "ops")

    write("broken")
    reload.reload()
    #expect(name("Bearer secret", in: authenticator) == "ops")
  }
}
