/// One value of the answer to a query.
struct PrometheusSample: Equatable, Sendable, Decodable {
  /// What tells it apart from the others.
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
