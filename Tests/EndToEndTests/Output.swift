import Foundation

/// What a process writes, line by line, readable while it runs.
///
/// A thread reads the pipe; all state is touched under `condition` only, therefore `@unchecked`.
final class Output: @unchecked Sendable {
  let pipe = Pipe()
  private let condition = NSCondition()
  private var finished: [String] = []
  private var isAtEnd = false

  /// Starts to read. The process must have been started with `pipe` by then.
  func read() {
    let handle = pipe.fileHandleForReading
    let thread = Thread { [self] in
      var partial = Data()
      while case let chunk = handle.availableData, !chunk.isEmpty {
        partial += chunk
        while let end = partial.firstIndex(of: UInt8(ascii: "\n")) {
          add(String(decoding: partial[..<end], as: UTF8.self))
          partial = Data(partial[(end + 1)...])
        }
      }
      if !partial.isEmpty { add(String(decoding: partial, as: UTF8.self)) }
      condition.withLock {
        isAtEnd = true
        condition.broadcast()
      }
    }
    thread.start()
  }

  private func add(_ line: String) {
    condition.withLock {
      finished.append(line)
      condition.broadcast()
    }
  }

  /// Everything written so far.
  var lines: [String] { condition.withLock { finished } }

  var text: String { lines.joined(separator: "\n") }

  /// Waits for a line that satisfies the condition; nil when the process ended without it.
  func line(where matches: (String) -> Bool) throws -> String? {
    try condition.withLock {
      let deadline = Date(timeIntervalSinceNow: patience)
      var seen = 0
      while true {
        if let line = finished[seen...].first(where: matches) { return line }
        seen = finished.count
        if isAtEnd { return nil }
        guard condition.wait(until: deadline) else {
          throw TestFailure(
            "no such line within \(patience) s:\n\(finished.joined(separator: "\n"))")
        }
      }
    }
  }

  /// Waits until the process has closed its output, and returns all of it.
  func all() throws -> String {
    _ = try line { _ in false }
    return text
  }
}
