internal import Logging

/// One log line: a JSON object and a line feed.
enum LogLine {
  /// The names that every line has; metadata of the same name is written as `metadata.name`.
  private static let reserved: Set = ["ts", "level", "logger", "message", "error", "source"]

  /// The line of an event.
  /// - Parameter hasSource: whether it says where in the program it comes from.
  static func make(
    _ event: LogEvent, label: String, metadata: Logger.Metadata, hasSource: Bool,
    microseconds: Int64
  ) -> [UInt8] {
    var text = start(microseconds, event.level, label, event.message.description)
    if let error = event.error {
      text.name("error")
      text.string("\(error)")
    }
    // Sorted, so that lines of one kind look alike.
    for (name, value) in metadata.sorted(by: { $0.key < $1.key }) {
      text.name(reserved.contains(name) ? "metadata.\(name)" : name)
      append(value, to: &text)
    }
    if hasSource {
      text.name("source")
      text.string("\(event.file):\(event.line)")
    }
    return end(text)
  }

  /// The line that says how many lines are missing before it.
  static func dropped(_ count: Int) -> [UInt8] {
    var text = start(
      LogTime.now(), .warning, "log", "log lines were dropped: they were written faster than read")
    text.name("dropped")
    text.literal(String(count))
    return end(text)
  }

  private static func start(
    _ microseconds: Int64, _ level: Logger.Level, _ label: String, _ message: String
  ) -> JSONText {
    var text = JSONText()
    text.open("{")
    text.name("ts")
    text.string(LogTime.text(microseconds: microseconds))
    text.name("level")
    text.string(level.rawValue)
    text.name("logger")
    text.string(label)
    text.name("message")
    text.string(message)
    return text
  }

  private static func end(_ text: consuming JSONText) -> [UInt8] {
    var text = text
    text.close("}")
    text.endLine()
    return text.bytes
  }

  private static func append(_ value: Logger.Metadata.Value, to text: inout JSONText) {
    switch value {
    case .string(let string): text.string(string)
    case .stringConvertible(let value): append(value, to: &text)
    case .array(let values):
      text.open("[")
      for value in values { append(value, to: &text) }
      text.close("]")
    case .dictionary(let members):
      text.open("{")
      for (name, value) in members.sorted(by: { $0.key < $1.key }) {
        text.name(name)
        append(value, to: &text)
      }
      text.close("}")
    }
  }

  /// Numbers stay numbers, so that a log store can compare them.
  private static func append(
    _ value: any CustomStringConvertible & Sendable, to text: inout JSONText
  ) {
    switch value {
    case let value as Bool: text.literal(value ? "true" : "false")
    case let value as any BinaryInteger: text.literal("\(value)")
    case let value as Double where value.isFinite: text.literal("\(value)")
    default: text.string(value.description)
    }
  }
}
