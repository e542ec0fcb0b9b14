import Foundation
import Testing

@testable import KeyValueAutoscaler

@Suite("The address of Prometheus")
struct PrometheusAddressTests {
  @Test("may have a path, and a user with a password that are sent apart from it")
  func parts() throws {
    let plain = try #require(PrometheusAddress("http://prometheus:9090"))
    #expect(plain.url.absoluteString == "http://prometheus:9090")
    #expect(plain.authorization == nil)
    let secured = try #require(PrometheusAddress("https://kv:s%40cret@host/prefix"))
    #expect(secured.url.absoluteString == "https://host/prefix")
    #expect(secured.authorization == "Basic a3Y6c0BjcmV0")
    #expect(plain.authorized(token: "abc").authorization == "Bearer abc")
  }

  @Test(
    "is nothing else",
    arguments: ["", "prometheus:9090", "ftp://host", "http://", "http://host/?a=b", "http://h/#a"])
  func malformed(_ text: String) {
    #expect(PrometheusAddress(text) == nil)
  }
}
