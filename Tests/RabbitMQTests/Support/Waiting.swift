import Foundation
import TestServices

/// Runs what blocks on a thread that never ends: the few threads that all tests share must not
/// wait, and a server dies with the thread that started it.
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

/// Looks again and again, as a broker tells nobody what it has done, or fails with `what` was
/// waited for. Nobody's thread waits.
func eventually(
  _ what: String, seconds: Double = 30, _ isTrue: () async throws -> Bool
) async throws {
  let end = Date(timeIntervalSinceNow: seconds)
  while try await !isTrue() {
    guard Date() < end else { throw ServiceFailure("no \(what) after \(seconds) s") }
    await pause()
  }
}

/// The time between two looks, or before another try: 5 ms.
func pause() async {
  await withCheckedContinuation { continuation in
    DispatchQueue.global().asyncAfter(deadline: .now() + 0.005) { continuation.resume() }
  }
}
