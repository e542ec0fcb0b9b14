import Foundation
import KeyValueStore
import TestServices
import Testing

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
