import Foundation
import KeyValueStore
import Testing
import TestServices

@testable import RabbitMQ

extension BrokerTests {
  @Suite("Connections are encrypted where the URL says so")
  struct TLSTests {
    @Test("A certificate that our authority has signed is good, others are not")
    func certificates() async throws {
      let certificates = try await offloaded { try Certificates() }
      let server = try await offloaded { try RabbitMQServer(certificates: certificates.folder) }
      let port = try #require(server.portTLS)
      var configuration = RabbitMQConfiguration(
        urls: ["amqps://guest:guest@localhost:\(port)"])
      configuration.certificateAuthorityPath = certificates.folder + "/ca.pem"
      let node = try await Node(configuration)
      let value = String(repeating: "x", count: 1 << 20)
      #expect(await node.submit(QueuedWrite("k", value: value)) == nil)
      let applying = try Applying(configuration)
      try await eventually("delivery") { applying.counts.operations == 1 }
      await applying.stop()
      await node.stop()

      configuration.certificateAuthorityPath = nil
      let stranger = try await Node(configuration, isReachable: false)
      try await eventually("refusal") { !stranger.log.lines.isEmpty }
      #expect(await stranger.submit(QueuedWrite("k")).isUnavailable)
      await stranger.stop()

      configuration.certificateAuthorityPath = certificates.folder + "/ca.pem"
      configuration.urls = ["amqps://guest:guest@127.0.0.1:\(port)"]
      let misled = try await Node(configuration, isReachable: false)
      try await eventually("refusal") { !misled.log.lines.isEmpty }
      #expect(await misled.submit(QueuedWrite("k")).isUnavailable)
      await misled.stop()
      try await offloaded { server.remove() }
    }
  }
}

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
