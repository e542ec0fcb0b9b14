import Foundation
import Logging
import Synchronization
import TestServices

/// Runs `body`, which may block, on a thread that never ends: the threads that all tests share must
/// not block, and a server dies with the thread that started it.
func offloaded<Result: Sendable>(
  _ body: @escaping @Sendable () throws -> Result
) async throws -> Result {
  try await withCheckedThrowingContinuation { continuation in
    blocking.append { continuation.resume(with: Swift.Result { try body() }) }
  }
}

private let blocking = BlockingJobs()

/// Jobs of one thread.
///
/// `@unchecked Sendable`: everything mutable is touched with `condition` locked.
private final class BlockingJobs: @unchecked Sendable {
  private let condition = NSCondition()
  private var jobs: [@Sendable () -> Void] = []

  init() {
    let thread = Thread { [self] in
      while true { next()() }
    }
    thread.start()
  }

  func append(_ job: @escaping @Sendable () -> Void) {
    condition.withLock {
      jobs.append(job)
      condition.signal()
    }
  }

  private func next() -> @Sendable () -> Void {
    condition.withLock {
      while jobs.isEmpty { condition.wait() }
      return jobs.removeFirst()
    }
  }
}

/// Polls until `isTrue`, or fails with the name of what it waited for: a broker does not tell when
/// it has done something. Blocks no thread.
func eventually(
  _ what: String, seconds: Double = 30, _ isTrue: () async throws -> Bool
) async throws {
  let end = Date(timeIntervalSinceNow: seconds)
  while try await !isTrue() {
    guard Date() < end else { throw ServiceFailure("no \(what) after \(seconds) s") }
    await pause()
  }
}

/// The time between two polls, or before another try: 5 ms.
func pause() async {
  await withCheckedContinuation { continuation in
    DispatchQueue.global().asyncAfter(deadline: .now() + 0.005) { continuation.resume() }
  }
}

/// Keeps what is logged.
final class RecordedLog: Sendable {
  private let recorded = Mutex<[String]>([])

  var lines: [String] { recorded.withLock { $0 } }

  var logger: Logger { Logger(label: "test") { _ in Handler(log: self) } }

  private struct Handler: LogHandler {
    let log: RecordedLog
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      let details = (event.metadata ?? [:]).map { "\($0)=\($1)" }.sorted()
      let line = (["\(event.level)", "\(event.message)"] + details).joined(separator: " ")
      log.recorded.withLock { $0.append(line) }
    }
  }
}
