public import Foundation

/// A certificate for 127.0.0.1 that nobody has signed but itself, with its key.
public struct SelfSignedCertificate: Sendable {
  /// PEM.
  public let certificate: Data
  /// PEM, without a passphrase.
  public let key: Data

  /// Makes one, with the `openssl` command.
  public init() throws {
    var template = Array("/tmp/kv-certificate-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw ServiceFailure("no temporary folder") }
    let folder = String(decoding: template.dropLast().map { UInt8($0) }, as: UTF8.self)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let process = try ServiceProcess(
      [
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
        "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
        "subjectAltName=IP:127.0.0.1", "-keyout", folder + "/key", "-out",
        folder + "/certificate",
      ], outputPath: folder + "/log")
    guard try process.waitForExit() == 0 else { throw ServiceFailure(process.output) }
    certificate = try Data(contentsOf: URL(fileURLWithPath: folder + "/certificate"))
    key = try Data(contentsOf: URL(fileURLWithPath: folder + "/key"))
  }
}
