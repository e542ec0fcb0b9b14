public import Logging

/// Writes each log event as one JSON object a line, with metadata as members of the object.
public struct JSONLogHandler: LogHandler {
  /// Added to every line.
  public var metadata: Logger.Metadata
  /// Adds metadata of the moment.
  public var metadataProvider: Logger.MetadataProvider?
  /// What is less severe is left out.
  public var logLevel: Logger.Level
  private let label: String
  private let writer: LogWriter

  /// A handler for the logger called `label`.
  public init(label: String, level: Logger.Level, writer: LogWriter) {
    self.label = label
    self.writer = writer
    logLevel = level
    metadata = [:]
  }

  /// One item of `metadata`.
  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  /// Hands the line to the writer; never blocks.
  public func log(event: LogEvent) {
    var all = metadata
    if let metadataProvider { all.merge(metadataProvider.get()) { $1 } }
    if let metadata = event.metadata { all.merge(metadata) { $1 } }
    writer.write(
      LogLine.make(
        event, label: label, metadata: all, hasSource: logLevel <= .debug,
        microseconds: LogTime.now()))
  }
}
