internal import Foundation

/// What the HTTP API of Prometheus answers, v1.
enum PrometheusAnswer {
  /// The samples that answer a query for an instant vector.
  static func samples(in body: Data) throws(PrometheusError) -> [PrometheusSample] {
    let data: Vector = try decode(body)
    guard data.resultType == "vector" else {
      throw .malformed("a \(data.resultType) where a vector was asked for")
    }
    return data.result
  }

  /// The targets that are active.
  static func targets(in body: Data) throws(PrometheusError) -> [PrometheusTarget] {
    let data: Targets = try decode(body)
    return data.activeTargets
  }

  /// What an error says about itself; nil: nothing in the form that Prometheus uses.
  static func problem(in body: Data) -> String? {
    (try? JSONDecoder().decode(Problem.self, from: body))?.error
  }

  private static func decode<Content: Decodable>(
    _ body: Data
  ) throws(PrometheusError) -> Content {
    do {
      return try JSONDecoder().decode(Envelope<Content>.self, from: body).data
    } catch {
      let start = String(decoding: body.prefix(80), as: UTF8.self)
      throw .malformed("\(start.debugDescription)\(body.count > 80 ? "…" : "")")
    }
  }

  private struct Envelope<Content: Decodable>: Decodable { let data: Content }

  private struct Vector: Decodable {
    let resultType: String
    let result: [PrometheusSample]

    private enum Names: String, CodingKey { case resultType, result }

    /// Only a vector's result is a list of samples.
    init(from decoder: any Decoder) throws {
      let members = try decoder.container(keyedBy: Names.self)
      resultType = try members.decode(String.self, forKey: .resultType)
      result =
        resultType == "vector" ? try members.decode([PrometheusSample].self, forKey: .result) : []
    }
  }

  private struct Targets: Decodable { let activeTargets: [PrometheusTarget] }

  private struct Problem: Decodable { let error: String }
}
