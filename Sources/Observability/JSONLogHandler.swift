internal import Basics
public import Logging

/// Writes each log event as one line, a JSON object whose members include the metadata.
public struct JSONLogHandler: LogHandler {
  /// Added to every line.
  public var metadata: Logger.Metadata
  public var metadataProvider: Logger.MetadataProvider?
  /// The level of the least severe event that is written.
  public var logLevel: Logger.Level
  private let label: String
  private let writer: LogWriter

  /// Makes a handler for the logger called `label`.
  public init(label: String, level: Logger.Level, writer: LogWriter) {
    self.label = label
    self.writer = writer
    logLevel = level
    metadata = [:]
  }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  /// Hands the line to the writer. Never blocks.
  public func log(event: LogEvent) {
    var all = metadata
    if let metadataProvider { all.merge(metadataProvider.get()) { $1 } }
    if let metadata = event.metadata { all.merge(metadata) { $1 } }
    writer.write(LogLine.make(event, label: label, metadata: all, hasSource: logLevel <= .debug))
  }
}

/// One line of the log: a JSON object and a line feed.
enum LogLine {
  /// The names that the handler itself uses; metadata of such a name is written as `metadata.name`.
  private static let reserved: Set = ["ts", "level", "logger", "message", "error", "source"]

  /// The line of an event.
  /// - Parameter hasSource: whether the line names the source file and line of the event.
  fileprivate static func make(
    _ event: LogEvent, label: String, metadata: Logger.Metadata, hasSource: Bool
  ) -> [UInt8] {
    var json = start(event.level, label, event.message.description)
    if let error = event.error {
      json.name("error")
      json.string("\(error)")
    }
    // Sorted, so that lines of one kind look alike.
    for (name, value) in metadata.sorted(by: { $0.key < $1.key }) {
      json.name(escaping: reserved.contains(name) ? "metadata.\(name)" : name)
      append(value, to: &json)
    }
    if hasSource {
      json.name("source")
      json.string("\(event.file):\(event.line)")
    }
    return end(json)
  }

  /// The line that says how many lines are missing before it.
  static func dropped(_ count: Int) -> [UInt8] {
    var json = start(
      .warning, "log", "log lines were dropped: they were written faster than read")
    json.name("dropped")
    json.number(Int64(count))
    return end(json)
  }

  private static func start(
    _ level: Logger.Level, _ label: String, _ message: String
  ) -> JSONWriter {
    var json = JSONWriter(escapesC1: true)
    json.beginObject()
    json.name("ts")
    json.timestamp(microseconds: SystemTime.microseconds())
    json.name("level")
    json.string(level.rawValue)
    json.name("logger")
    json.string(label)
    json.name("message")
    json.string(message)
    return json
  }

  private static func end(_ json: JSONWriter) -> [UInt8] {
    var json = json
    json.endObject()
    return json.bytes + [UInt8(ascii: "\n")]
  }

  private static func append(_ value: Logger.Metadata.Value, to json: inout JSONWriter) {
    switch value {
    case .string(let string): json.string(string)
    case .stringConvertible(let value): append(value, to: &json)
    case .array(let values):
      json.beginArray()
      for value in values { append(value, to: &json) }
      json.endArray()
    case .dictionary(let members):
      json.beginObject()
      for (name, value) in members.sorted(by: { $0.key < $1.key }) {
        json.name(escaping: name)
        append(value, to: &json)
      }
      json.endObject()
    }
  }

  /// Numbers stay numbers, so that a log store can compare them.
  private static func append(
    _ value: any CustomStringConvertible & Sendable, to json: inout JSONWriter
  ) {
    switch value {
    case let value as Bool: json.bool(value)
    case let value as any BinaryInteger: json.raw("\(value)".utf8)
    case let value as Double where value.isFinite: json.raw("\(value)".utf8)
    default: json.string(value.description)
    }
  }
}
