package import KeyValueStore
internal import TestSupport

/// Runs tasks on the calling thread, one job at a time, in an order that a seed decides, on a clock
/// that only it advances. The same seed runs the same jobs in the same order.
///
/// Everything of a run has to be on it: give actors its serial executor, start tasks with it as
/// their preference, and wait only for other such tasks and for `pause`. Nothing may depend on the
/// order of a set or a dictionary, which differs from run to run.
///
/// `@unchecked Sendable`: after `run` has begun, only the thread in `run` uses it. Tasks run on
/// that thread, and so do the handlers of their cancellation.
package final class Simulator: SerialExecutor, TaskExecutor, @unchecked Sendable {
  /// Jobs that can run now, in no particular order.
  private var ready: [UnownedJob] = []
  private var timers = Timers()
  private var order: SeededGenerator
  private let earlyTimers: UInt64
  /// How far the clock advances at most while a job could run.
  private static let earliness = Duration.milliseconds(5)
  /// The time since the beginning.
  package private(set) var elapsed = Duration.zero
  /// Jobs that have run.
  package private(set) var steps = 0
  /// A hash of all choices: equal for two runs that went the same way.
  package private(set) var fingerprint: UInt64 = 0

  /// - Parameter earlyTimers: of so many choices, about one lets the clock advance a little
  ///   although a job could run. 0: the clock advances only if none can.
  package init(seed: UInt64, earlyTimers: UInt64 = 0) {
    order = SeededGenerator(seed: seed)
    self.earlyTimers = earlyTimers
    ready.reserveCapacity(64)
  }

  /// Why a run does not end.
  package enum Stuck: Error, Equatable {
    /// No job can run, and none waits for a time.
    case deadlock
    /// So many jobs have run that the run is taken for endless.
    case tooManySteps
  }

  /// Runs `body`, and everything that it waits for, to its end.
  package func run<Value: Sendable>(
    stepsMax: Int = 1_000_000, _ body: @escaping @Sendable () async -> Value
  ) throws(Stuck) -> Value {
    let box = Box<Value>()
    Task(executorPreference: self) { box.value = await body() }
    while box.value == nil {
      if steps >= stepsMax { throw .tooManySteps }
      guard step() else { throw .deadlock }
    }
    // What is left has to end, too: a task that waits for ever is never freed.
    for _ in 0..<Self.drainedMax where step() {}
    return box.value!
  }

  /// Jobs that run after the end of the body, at most.
  private static let drainedMax = 10_000

  /// Holds what the body returns. `@unchecked Sendable`: see `Simulator`.
  private final class Box<Value>: @unchecked Sendable { var value: Value? }

  // MARK: Jobs

  package func enqueue(_ job: consuming ExecutorJob) { ready.append(UnownedJob(job)) }

  /// All tasks of a run are on its one thread.
  package func isIsolatingCurrentContext() -> Bool? { true }

  package func checkIsolated() {}

  /// Runs a job, or lets the next timer fire. False: there is neither.
  private func step() -> Bool {
    steps += 1
    let isEarly =
      earlyTimers > 0 && order.next() % earlyTimers == 0
      && timers.first.map { $0.end - elapsed <= Self.earliness } ?? false
    if ready.isEmpty || isEarly {
      guard let timer = timers.removeFirst() else { return false }
      elapsed = max(elapsed, timer.end)
      note(UInt64(timer.number))
      timer.fire()
      return true
    }
    let place = Int(order.next() % UInt64(ready.count))
    note(UInt64(place) << 32 | UInt64(ready.count))
    let job = ready[place]
    ready[place] = ready[ready.count - 1]
    ready.removeLast()
    job.runSynchronously(
      isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
    return true
  }

  private func note(_ choice: UInt64) {
    fingerprint = (fingerprint ^ choice) &* 0x0000_0100_0000_01B3
  }

  // MARK: Time

  /// Waits until so much time has passed. False, early: the task was cancelled.
  @discardableResult
  package func pause(for duration: Duration) async -> Bool {
    let number = timers.takeNumber()
    return await withTaskCancellationHandler {
      await withUnsafeContinuation { waiter in
        if Task.isCancelled { return waiter.resume(returning: false) }
        timers.insert(Timer(end: elapsed + duration, number: number, waiter: waiter))
      }
    } onCancel: {
      timers.remove(number)?.waiter.resume(returning: false)
    }
  }

  /// Only differences between its instants mean anything.
  private static let origin = ContinuousClock.now

  /// The monotonic clock, for what is simulated.
  package var clock: SteadyClock {
    SteadyClock(
      now: { Self.origin + self.elapsed },
      wait: { await self.pause(for: $0) })
  }
}

/// A task that waits for a time.
private struct Timer {
  let end: Duration
  /// The order of timers with the same end.
  let number: Int
  let waiter: UnsafeContinuation<Bool, Never>

  func fire() { waiter.resume(returning: true) }
}

/// Timers that have not fired, the next one last.
private struct Timers {
  private var waiting: [Timer] = []
  private var lastNumber = 0

  var first: Timer? { waiting.last }

  mutating func takeNumber() -> Int {
    lastNumber += 1
    return lastNumber
  }

  mutating func insert(_ timer: Timer) {
    var place = waiting.count
    // Those that were set earlier fire first.
    while place > 0, waiting[place - 1].end <= timer.end { place -= 1 }
    waiting.insert(timer, at: place)
  }

  mutating func removeFirst() -> Timer? { waiting.popLast() }

  mutating func remove(_ number: Int) -> Timer? {
    guard let place = waiting.firstIndex(where: { $0.number == number }) else { return nil }
    return waiting.remove(at: place)
  }
}
