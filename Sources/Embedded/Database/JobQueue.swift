import DequeModule
import Foundation
import KeyValueStore

/// Calls on their way from event loops to the threads that carry them out. Bounded: what does not
/// fit is refused before any work starts.
///
/// `@unchecked Sendable`: everything mutable is touched with `condition` locked.
final class JobQueue<Session>: @unchecked Sendable {
  private let condition = NSCondition()
  private let jobsMax: Int
  private let weightMax: Int
  private var jobs: Deque<any Job<Session>> = []
  private var weight = 0
  private var isClosed = false

  /// A queue of at most `jobsMax` calls that weigh at most `weightMax` bytes, or of a single one.
  init(jobsMax: Int, weightMax: Int) {
    self.jobsMax = jobsMax
    self.weightMax = weightMax
  }

  /// Calls that wait now.
  var depth: Int { condition.withLock { jobs.count } }

  /// Runs `body` on one of the queue's threads and returns its result.
  ///
  /// Errors: `overloaded` before any work when the queue is full, `unavailable` when it is closed,
  /// and what the thread reports. Goes on when the task is cancelled.
  func call<Result: Sendable>(
    weight: Int, _ body: @escaping @Sendable (Session) throws(SQLiteFailure) -> Result
  ) async throws(StoreError) -> Result {
    let result = await withCheckedContinuation { (caller: Call<Session, Result>.Caller) in
      if let refusal = add(Call(weight: weight, caller: caller, body: body)) {
        caller.resume(returning: .failure(refusal))
      }
    }
    return try result.get()
  }

  private func add(_ job: some Job<Session>) -> StoreError? {
    condition.lock()
    defer { condition.unlock() }
    if isClosed { return .unavailable(cause: "the database is closed", retryAfter: 1) }
    let fits = jobs.count < jobsMax && weight + job.weight <= weightMax
    guard fits || jobs.isEmpty else { return .overloaded(retryAfter: 1) }
    jobs.append(job)
    weight += job.weight
    // Nobody waits while jobs are queued, except where several threads share the queue: each job
    // may need one of them.
    condition.signal()
    return nil
  }

  /// Waits for calls and takes the first ones, up to `jobsMax` of them and `weightMax` bytes, but
  /// at least one. Nil: the queue is closed and empty, and the thread may end.
  func take(jobsMax: Int, weightMax: Int) -> [any Job<Session>]? {
    condition.lock()
    defer { condition.unlock() }
    while jobs.isEmpty {
      if isClosed { return nil }
      condition.wait()
    }
    var taken: [any Job<Session>] = []
    var takenWeight = 0
    while let job = jobs.first, taken.count < jobsMax {
      if !taken.isEmpty, takenWeight + job.weight > weightMax { break }
      takenWeight += job.weight
      taken.append(jobs.removeFirst())
    }
    weight -= takenWeight
    return taken
  }

  /// Refuses further calls; those that wait are still carried out.
  func close() {
    condition.withLock {
      isClosed = true
      condition.broadcast()
    }
  }
}
