public import Logging
internal import Synchronization

/// Warnings that may come with every request: the first of a kind is logged at once, and those that
/// follow are gathered into one line each time that `summarize()` is called. So the log tells that
/// something is wrong, how often and since when, and an outage does not fill the disk.
///
/// Any thread may use it.
public final class RepeatedWarnings: Sendable {
  private struct Gathered {
    var message: Logger.Message
    /// Of the last one.
    var metadata: Logger.Metadata
    var count = 0
  }

  private let logger: Logger
  private let kindsMax: Int
  private let gathered = Mutex<[String: Gathered]>([:])

  /// Warnings for `logger`. At most `kindsMax` kinds are told apart; those beyond share a line.
  public init(logger: Logger, kindsMax: Int = 64) {
    self.logger = logger
    self.kindsMax = kindsMax
  }

  /// Logs the first warning of its kind since the last quiet interval, and counts the others.
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

  /// Logs how many have come since the last line of each kind, with the last of them. A kind of
  /// which none has come is forgotten: its next one is logged at once again.
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
