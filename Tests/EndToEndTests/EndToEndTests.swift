import Foundation
import Testing

/// Tests of what only a whole process can show: they start the built `kv-api`, talk to it over
/// sockets, fill it, drain it and kill it. One test at a time, each on a thread of its own.
@Suite("The whole server", .serialized, .blockingThread)
enum EndToEndTests {}

/// Why a test could not run to its end.
struct TestFailure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// No answer within this time is a failure. Every answer takes far less.
let patience: TimeInterval = 60

/// Runs a test on a thread of its own. These tests wait for processes and sockets in blocking
/// calls, which must not occupy the few threads that all other tests share.
struct BlockingThread: TestTrait, SuiteTrait, TestScoping {
  var isRecursive: Bool { true }

  func provideScope(
    for test: Test, testCase: Test.Case?,
    performing function: @concurrent @Sendable () async throws -> Void
  ) async throws {
    guard testCase != nil else { return try await function() }
    let executor = ThreadExecutor()
    defer { executor.stop() }
    try await withTaskExecutorPreference(executor) { try await function() }
  }
}

extension Trait where Self == BlockingThread {
  /// Gives every test of a suite its own thread.
  static var blockingThread: Self { Self() }
}

/// One thread that runs its jobs in order.
private final class ThreadExecutor: TaskExecutor {
  private let jobs = Jobs()

  init() {
    let thread = Thread { [jobs, self] in
      while let job = jobs.next() {
        job.runSynchronously(on: asUnownedTaskExecutor())
      }
    }
    thread.start()
  }

  func enqueue(_ job: consuming ExecutorJob) { jobs.append(UnownedJob(job)) }

  func stop() { jobs.close() }
}

/// A queue between threads. `@unchecked`: all its state is accessed under `condition`.
private final class Jobs: @unchecked Sendable {
  private let condition = NSCondition()
  private var waiting: [UnownedJob] = []
  private var isClosed = false

  func append(_ job: UnownedJob) {
    condition.withLock {
      waiting.append(job)
      condition.signal()
    }
  }

  func close() {
    condition.withLock {
      isClosed = true
      condition.signal()
    }
  }

  /// Waits for a job; nil once the queue is closed and empty.
  func next() -> UnownedJob? {
    condition.withLock {
      while waiting.isEmpty && !isClosed { condition.wait() }
      return waiting.isEmpty ? nil : waiting.removeFirst()
    }
  }
}
