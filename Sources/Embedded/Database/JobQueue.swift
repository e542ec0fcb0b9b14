import DequeModule
import Foundation
import KeyValueStore
import Observability

/// Calls on their way from event loops to the threads that run them. It is bounded: a call that
/// does not fit is refused before any work starts.
///
/// `@unchecked Sendable`: all mutable properties are accessed with `condition` locked.
final class JobQueue<Session>: @unchecked Sendable {
  private let condition = NSCondition()
  private let jobsMax: Int
  private let weightMax: Int
  private let queued: Gauge
  private var jobs: Deque<any Job<Session>> = []
  private var weight = 0
  private var isClosed = false

  /// A queue of at most `jobsMax` calls with a weight of at most `weightMax` bytes, or of a single
  /// call. `queued` shows the calls that wait.
  init(jobsMax: Int, weightMax: Int, queued: Gauge) {
    self.jobsMax = jobsMax
    self.weightMax = weightMax
    self.queued = queued
  }

  /// Runs `body` on one of the queue's threads and returns its result.
  ///
  /// Errors: `overloaded` before any work when the queue is full, `unavailable` when it is closed,
  /// and those of the thread. A call continues when its task is cancelled.
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
    queued.add(1)
    // For each job, because where several threads share the queue, each job may need one of them.
    condition.signal()
    return nil
  }

  /// Waits for calls and returns the first ones: at most `jobsMax` calls and `weightMax` bytes, but
  /// at least one call. Nil: the queue is closed and empty, and the thread may end.
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
    queued.add(-taken.count)
    return taken
  }

  /// Refuses further calls. Those that wait still run.
  func close() {
    condition.withLock {
      isClosed = true
      condition.broadcast()
    }
  }
}

/// Work that waits for a thread of the database.
protocol Job<Session>: AnyObject, Sendable {
  associatedtype Session

  /// What the job counts for in its queue, in bytes.
  var weight: Int { get }
  /// Does the work and keeps the result. Runs on the thread that owns `session`.
  func run(in session: Session) throws(SQLiteFailure)
  /// Answers the caller, once: with the result of `run`, or with `failure`, whether it has run or
  /// not.
  func finish(_ failure: StoreError?)
}

/// A job with one result, whose caller is suspended.
///
/// `@unchecked Sendable`: the caller creates it and does not access it again; the queue hands it
/// over under its lock; then only the thread that took it runs and finishes it.
private final class Call<Session, Result: Sendable>: Job, @unchecked Sendable {
  typealias Caller = CheckedContinuation<Swift.Result<Result, StoreError>, Never>

  let weight: Int
  private let body: (Session) throws(SQLiteFailure) -> Result
  private let caller: Caller
  private var result: Result?

  init(
    weight: Int, caller: Caller,
    body: @escaping @Sendable (Session) throws(SQLiteFailure) -> Result
  ) {
    self.weight = weight
    self.caller = caller
    self.body = body
  }

  func run(in session: Session) throws(SQLiteFailure) { result = try body(session) }

  func finish(_ failure: StoreError?) {
    if let failure {
      caller.resume(returning: .failure(failure))
    } else if let result {
      caller.resume(returning: .success(result))
    } else {
      preconditionFailure("A call finishes without failure before it has run")
    }
  }
}
