/// An environment variable: how its text becomes a value, and the value without it.
package struct Setting<Value: Sendable>: Sendable {
  package let description: SettingDescription
  /// The value when the variable is not set or empty.
  package let fallback: Value
  /// Nil: the text is not allowed.
  package let parse: @Sendable (String) -> Value?

  /// A setting with its fallback and its parser.
  package init(
    description: SettingDescription, fallback: Value,
    parse: @escaping @Sendable (String) -> Value?
  ) {
    self.description = description
    self.fallback = fallback
    self.parse = parse
  }
}

extension Setting {
  /// One of a few words.
  package static func choice(
    _ name: String, _ topic: SettingDescription.Topic, _ fallback: Value,
    among choices: KeyValuePairs<String, Value>, shown: String, _ meaning: String
  ) -> Setting {
    let words = choices.map(\.key)
    let allowed =
      words.count == 1 ? words[0] : words.dropLast().joined(separator: ", ") + " or " + words.last!
    return Setting(
      description: SettingDescription(
        name: name, topic: topic, fallback: shown, allowed: allowed, meaning: meaning),
      fallback: fallback, parse: { text in choices.first { $0.key == text }?.value })
  }
}

extension Setting<Int> {
  /// A number of things.
  package static func count(
    _ name: String, _ topic: SettingDescription.Topic, _ fallback: Int, _ range: ClosedRange<Int>,
    _ meaning: String
  ) -> Setting {
    Setting(
      description: SettingDescription(
        name: name, topic: topic, fallback: String(fallback),
        allowed: "\(range.lowerBound) to \(range.upperBound)", meaning: meaning),
      fallback: fallback, parse: { Int($0).flatMap { range.contains($0) ? $0 : nil } })
  }

  /// Bytes, also as KiB, MiB and GiB.
  package static func bytes(
    _ name: String, _ topic: SettingDescription.Topic, _ fallback: Int, _ range: ClosedRange<Int>,
    _ meaning: String
  ) -> Setting {
    let bounds = "\(ByteCount.text(range.lowerBound)) to \(ByteCount.text(range.upperBound))"
    return Setting(
      description: SettingDescription(
        name: name, topic: topic, fallback: ByteCount.text(fallback),
        allowed: "\(bounds), in bytes or with KiB, MiB, GiB", meaning: meaning),
      fallback: fallback, parse: { ByteCount.parse($0).flatMap { range.contains($0) ? $0 : nil } })
  }
}

extension Setting<Duration> {
  /// Whole seconds.
  package static func seconds(
    _ name: String, _ topic: SettingDescription.Topic, _ fallback: Int, _ range: ClosedRange<Int>,
    _ meaning: String
  ) -> Setting {
    Setting(
      description: SettingDescription(
        name: name, topic: topic, fallback: String(fallback),
        allowed: "\(range.lowerBound) to \(range.upperBound) seconds", meaning: meaning),
      fallback: .seconds(fallback),
      parse: { Int($0).flatMap { range.contains($0) ? .seconds($0) : nil } })
  }
}
