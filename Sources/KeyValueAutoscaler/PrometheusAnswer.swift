internal import Foundation

/// Reads the answers of Prometheus' HTTP API, v1.
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

  /// The message of an error; nil: the answer has none in the form that Prometheus uses.
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

/// One value of the answer to a query.
struct PrometheusSample: Equatable, Sendable, Decodable {
  let labels: [String: String]
  /// May be NaN or infinite.
  let value: Double

  init(labels: [String: String] = [:], value: Double) {
    self.labels = labels
    self.value = value
  }

  private enum Names: String, CodingKey { case metric, value }

  /// `{"metric":{…},"value":[1764064800.1,"0.25"]}`: the time, and the value as Go writes it.
  init(from decoder: any Decoder) throws {
    let members = try decoder.container(keyedBy: Names.self)
    labels = try members.decode([String: String].self, forKey: .metric)
    var pair = try members.nestedUnkeyedContainer(forKey: .value)
    _ = try pair.decode(Double.self)
    let text = try pair.decode(String.self)
    guard let value = Double(text) else {
      throw DecodingError.dataCorruptedError(in: pair, debugDescription: "\(text) is no number")
    }
    self.value = value
  }
}

/// A target that Prometheus scrapes.
struct PrometheusTarget: Equatable, Sendable, Decodable {
  /// How the last scrape ended.
  enum Health: String, Sendable, Decodable {
    case up, down
    /// There was no scrape yet.
    case unknown
  }

  /// Its labels: `job` and `instance` among them.
  let labels: [String: String]
  let health: Health

  var job: String? { labels["job"] }
  var instance: String? { labels["instance"] }
}
