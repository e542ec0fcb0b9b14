public import Logging
internal import Synchronization

/// Warnings that may come with every request. The first warning of a kind is logged at once; each
/// `summarize()` logs the later ones as one line. So the log says what is wrong, how often and
/// since when, and an outage does not fill the disk.
///
/// Any thread may use it.
public final class RepeatedWarnings: Sendable {
  private struct Gathered {
    var message: Logger.Message
    /// That of the last warning.
    var metadata: Logger.Metadata
    var count = 0
  }

  private let logger: Logger
  private let kindsMax: Int
  private let gathered = Mutex<[String: Gathered]>([:])

  /// Takes the logger. At most `kindsMax` kinds have a line each; all other kinds share one.
  public init(logger: Logger, kindsMax: Int = 64) {
    self.logger = logger
    self.kindsMax = kindsMax
  }

  /// Logs the warning if it is the first of its kind since the last quiet interval; counts it if
  /// not.
  public func log(_ message: Logger.Message, kind: String, metadata: Logger.Metadata) {
    let isFirst = gathered.withLock { gathered in
      let kind = gathered[kind] == nil && gathered.count >= kindsMax ? "" : kind
      guard gathered[kind] != nil else {
        gathered[kind] = Gathered(message: message, metadata: metadata)
        return true
      }
      gathered[kind]!.message = message
      gathered[kind]!.metadata = metadata
      gathered[kind]!.count += 1
      return false
    }
    if isFirst { logger.warning(message, metadata: metadata) }
  }

  /// Logs for each kind how many warnings have come since the last call, with the last of them. A
  /// kind without any is forgotten: its next warning is logged at once.
  public func summarize() {
    let repeated = gathered.withLock { gathered in
      gathered = gathered.filter { $0.value.count > 0 }
      let repeated = gathered.sorted { $0.key < $1.key }.map(\.value)
      for kind in gathered.keys { gathered[kind]!.count = 0 }
      return repeated
    }
    for var warning in repeated {
      warning.metadata["repeated"] = .stringConvertible(warning.count)
      logger.warning(warning.message, metadata: warning.metadata)
    }
  }
}
