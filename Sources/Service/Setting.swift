/// An environment variable: how its text becomes a value, and the value without it.
package struct Setting<Value: Sendable>: Sendable {
  package let description: SettingDescription
  /// The value when the variable is not set or empty.
  package let fallback: Value
  /// Nil: the text is not allowed.
  package let parse: @Sendable (String) -> Value?

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
  /// A number without a unit.
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

/// The documentation of one environment variable: `--help` prints it, errors quote it.
package struct SettingDescription: Sendable {
  /// The headings of `--help`, in order.
  package enum Topic: String, CaseIterable, Sendable {
    case serving = "Serving"
    case storing = "Storing"
    case authentication = "Authentication"
    case limits = "Limits"
    case timeouts = "Timeouts"
    case tracing = "Tracing"
    case cluster = "Cluster"
    case watching = "Watching"
    case acting = "Acting"
    case pace = "Pace"
    case scalingAPI = "Scaling kv-api"
    case scalingWorker = "Scaling kv-worker"
  }

  package let name: String
  package let topic: Topic
  /// The default, in words or as it would be written; empty: none.
  package let fallback: String
  /// The values that are allowed, with unit and bounds.
  package let allowed: String
  /// What it does, in a sentence or two.
  package let meaning: String
  /// Whether its value is never printed, and may come from the file that `<name>_FILE` names.
  package let isSecret: Bool

  package init(
    name: String, topic: Topic, fallback: String, allowed: String, meaning: String,
    isSecret: Bool = false
  ) {
    self.name = name
    self.topic = topic
    self.fallback = fallback
    self.allowed = allowed
    self.meaning = meaning
    self.isSecret = isSecret
  }
}

/// Numbers of bytes as people write them: `1048576`, `1024KiB`, `1MiB`.
package enum ByteCount {
  private static let units: KeyValuePairs = ["GiB": 1 << 30, "MiB": 1 << 20, "KiB": 1 << 10]

  /// Reads digits with or without a unit directly after them. `MB` is refused, as it has two
  /// meanings.
  package static func parse(_ text: String) -> Int? {
    let unit = units.first { text.hasSuffix($0.key) }
    let digits = text.dropLast(unit?.key.count ?? 0)
    guard digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
      let number = Int(digits)
    else { return nil }
    let (bytes, overflow) = number.multipliedReportingOverflow(by: unit?.value ?? 1)
    return overflow ? nil : bytes
  }

  /// In the largest unit that leaves no remainder.
  package static func text(_ bytes: Int) -> String {
    let unit = units.first { bytes > 0 && bytes % $0.value == 0 }
    return "\(bytes / (unit?.value ?? 1))\(unit?.key ?? "")"
  }
}
