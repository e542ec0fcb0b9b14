import KeyValueStore
import Postgres
import StoreContracts
import TestServices
import Testing

extension OnPostgres {
  @Suite("Access")
  struct AccessTests {
    @Test("TLS and passwords are used as the URL says")
    func encryption() async throws {
      let certificate = try SelfSignedCertificate()
      let server = try PostgresServer(
        settings: ["ssl": "on"], access: "hostssl all all 127.0.0.1/32 scram-sha-256",
        files: ["server.crt": certificate.certificate, "server.key": certificate.key])
      defer { server.remove() }
      let node = try Node(server.url(parameters: "?sslmode=require"))
      let large = String(repeating: "x", count: 1 << 20)
      _ = try await node.database.write([.put("a", large), .put("b", large)])
      #expect(try await node.database.read([Key("a"), Key("b")]).allSatisfy { $0.entry != nil })
      await node.close()
      for parameters in ["?sslmode=disable", "?sslmode=verify-full&sslrootcert=/nowhere"] {
        let refused = try Node(server.url(parameters: parameters))
        let error = await failure { () async throws(StoreError) in
          _ = try await refused.database.read([Key("a")])
        }
        #expect(error?.isUnavailable == true)
        #expect(error?.cause.contains("secret") == false)
        await refused.close()
      }
    }
  }
}
