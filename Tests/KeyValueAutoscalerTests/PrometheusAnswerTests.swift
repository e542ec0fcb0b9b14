import Foundation
import Testing

@testable import KeyValueAutoscaler

@Suite("An answer of Prometheus")
struct PrometheusAnswerTests {
  private func samples(_ text: String) throws(PrometheusError) -> [PrometheusSample] {
    try PrometheusAnswer.samples(in: Data(text.utf8))
  }

  @Test("has values as Go writes them, NaN and infinity among them")
  func values() throws {
    let samples = try samples(
      #"""
      {"status":"success","data":{"resultType":"vector","result":[
        {"metric":{"instance":"a:1"},"value":[1764064800.123,"0.25"]},
        {"metric":{},"value":[1764064800,"+Inf"]},
        {"metric":{},"value":[1764064800,"NaN"]}]}}
      """#)
    #expect(samples[0] == PrometheusSample(labels: ["instance": "a:1"], value: 0.25))
    #expect(samples[1].value == .infinity)
    #expect(samples[2].value.isNaN)
  }

  @Test(
    "of another kind is refused, and not taken for nothing",
    arguments: [
      "", "<html>", "{}", #"{"status":"success"}"#,
      #"{"data":{"resultType":"vector","result":[{"metric":{},"value":[1,"one"]}]}}"#,
      #"{"data":{"resultType":"vector","result":[{"metric":{},"value":["1"]}]}}"#,
      #"{"data":{"resultType":"matrix","result":[{"metric":{},"values":[]}]}}"#,
    ])
  func malformed(_ text: String) {
    #expect {
      try samples(text)
    } throws: { error in
      guard case .malformed? = error as? PrometheusError else { return false }
      return true
    }
  }

  @Test("says what is wrong with a question")
  func problem() {
    let text = #"{"status":"error","errorType":"bad_data","error":"parse error"}"#
    #expect(PrometheusAnswer.problem(in: Data(text.utf8)) == "parse error")
    #expect(PrometheusAnswer.problem(in: Data("Bad gateway".utf8)) == nil)
  }
}

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
