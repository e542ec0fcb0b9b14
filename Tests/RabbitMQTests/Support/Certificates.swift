import Foundation
import TestServices

/// An authority of our own and a certificate for `localhost`, in a folder that goes with this
/// object.
final class Certificates: Sendable {
  let folder: String

  init() throws {
    folder = NSTemporaryDirectory() + "/rabbitmq-certificates-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try openssl(
      "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test authority",
      "-keyout", folder + "/ca.key", "-out", folder + "/ca.pem")
    try openssl(
      "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost",
      "-keyout", folder + "/server.key", "-out", folder + "/server.csr")
    try "subjectAltName=DNS:localhost".write(
      toFile: folder + "/names", atomically: true, encoding: .utf8)
    try openssl(
      "x509", "-req", "-days", "2", "-in", folder + "/server.csr", "-CA", folder + "/ca.pem",
      "-CAkey", folder + "/ca.key", "-CAcreateserial", "-extfile", folder + "/names",
      "-out", folder + "/server.pem")
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  private func openssl(_ arguments: String...) throws {
    let command = try ServiceProcess(
      ["openssl"] + arguments, outputPath: folder + "/openssl.log")
    try Polling.wait(for: "end of openssl") { !command.isRunning }
  }
}
