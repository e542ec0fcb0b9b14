import Logging
import Synchronization

/// Remembers what was logged.
final class RecordingLog: Sendable {
  private let recorded = Mutex<[String]>([])

  /// Message and metadata of each line.
  var lines: [String] { recorded.withLock { $0 } }

  var logger: Logger { Logger(label: "redis test") { _ in Handler(log: self) } }

  private func record(_ line: String) { recorded.withLock { $0.append(line) } }

  private struct Handler: LogHandler {
    let log: RecordingLog
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      log.record("\(event.message) \(event.metadata ?? [:])")
    }
  }
}
