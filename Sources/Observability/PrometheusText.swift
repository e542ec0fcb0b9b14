/// Prometheus' text exposition format, version 0.0.4.
struct PrometheusText {
  enum Number {
    case whole(Int64)
    case fraction(Double)
  }

  private(set) var bytes: [UInt8] = []

  init() { bytes.reserveCapacity(32 << 10) }

  /// Appends `# HELP` and `# TYPE`, which come once, before the samples of a metric.
  mutating func appendHead(of description: MetricDescription) {
    append("# HELP \(description.name) \(PrometheusText.escape(description.help, quotes: false))\n")
    append("# TYPE \(description.name) \(description.kind.rawValue)\n")
  }

  mutating func append(_ name: String, _ labels: String, _ number: Number) {
    append(labels.isEmpty ? name : "\(name){\(labels)}")
    append(" \(PrometheusText.text(number))\n")
  }

  /// Appends a histogram: cumulative buckets up to `+Inf`, sum and count.
  mutating func append(_ name: String, _ labels: String, _ totals: HistogramTotals) {
    let separator = labels.isEmpty ? "" : ","
    var count: UInt64 = 0
    for (index, bucket) in totals.counts.enumerated() {
      count &+= bucket
      let upper =
        index < totals.bounds.upper.count
        ? Double(totals.bounds.upper[index]) / totals.bounds.scale : .infinity
      let bound = PrometheusText.text(.fraction(upper))
      append("\(name)_bucket{\(labels)\(separator)le=\"\(bound)\"} \(count)\n")
    }
    append("\(name)_sum", labels, .fraction(Double(totals.sum) / totals.bounds.scale))
    append("\(name)_count", labels, .whole(Int64(truncatingIfNeeded: count)))
  }

  private mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

  /// `a="1",b="2"`, sorted by name, so that equal labels have equal texts.
  static func labels(_ labels: [MetricLabel]) -> String {
    labels.sorted { $0.name < $1.name }
      .map { "\($0.name)=\"\(escape($0.value, quotes: true))\"" }
      .joined(separator: ",")
  }

  /// "label_value can be any sequence of UTF-8 characters, but the backslash (`\`), double-quote
  /// (`"`), and line feed (`\n`) characters have to be escaped"; in HELP the double quote is not.
  private static func escape(_ text: String, quotes: Bool) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": escaped += "\\\\"
      case "\n": escaped += "\\n"
      case "\"" where quotes: escaped += "\\\""
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }

  /// A number in the syntax of Go's `ParseFloat`.
  private static func text(_ number: Number) -> String {
    switch number {
    case .whole(let value): return String(value)
    case .fraction(let value):
      if value.isNaN { return "NaN" }
      if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
      return Int64(exactly: value).map { String($0) } ?? value.description
    }
  }
}
