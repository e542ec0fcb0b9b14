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
