import Foundation

/// Looking again and again: another program tells nobody when it is ready, or when it has gone.
public enum Polling {
  /// The time between two looks: 5 ms.
  public static func pause() { _ = poll(nil, 0, 5) }

  /// Looks until `isTrue`, or fails with `what` was waited for.
  public static func wait(
    for what: String, seconds: Double = 30, until isTrue: () throws -> Bool
  ) throws {
    let end = Date(timeIntervalSinceNow: seconds)
    while try !isTrue() {
      guard Date() < end else { throw ServiceFailure("no \(what) after \(seconds) s") }
      pause()
    }
  }
}
