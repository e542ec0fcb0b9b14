internal import Foundation
internal import Synchronization

/// Runs jobs on the thread that waits for sockets, in turns: wait, run what is ready, sweep
/// deadlines.
///
/// It is a serial executor (for actors) and a task executor (for everything else) in one. As a
/// serial executor alone, every resumed continuation would visit the global pool first.
///
/// `@unchecked Sendable`: `inbox`, `owner`, `isStopping` and `poller.wake()` are for any thread;
/// all else is touched only by the loop's own thread, which `run()` records and `isCurrent` checks.
public final class LoopExecutor: SerialExecutor, TaskExecutor, @unchecked Sendable {
  /// Jobs run between two looks at the sockets, so that a task that only yields can't starve them.
  static let jobsPerTurnMax = 1_024

  let poller: any Poller
  private var ready: [UnownedJob] = []
  private var deadlines = DeadlineSweep()
  private var timers = LoopTimers()
  private var enders: [any TurnEnding] = []
  private var time = MonotonicTime.now()

  private let inbox = Mutex<[UnownedJob]>([])
  private let owner = Atomic<UInt>(0)
  private let isStopping = Atomic<Bool>(false)

  init(poller: any Poller) {
    self.poller = poller
    ready.reserveCapacity(256)
  }

  /// Whether the caller runs on the loop's thread.
  public var isCurrent: Bool { owner.load(ordering: .relaxed) == Self.currentThread }

  /// When this turn began: good enough for deadlines, and free.
  var now: MonotonicTime { time }

  /// The identity of the calling thread; 0 is nobody's.
  private static var currentThread: UInt {
    #if os(Linux)
      pthread_self()
    #else
      UInt(bitPattern: pthread_self())
    #endif
  }
}

// MARK: - Executors

extension LoopExecutor {
  /// Takes a job from any thread; on the loop's own it costs an append.
  public func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    if isCurrent {
      ready.append(job)
      return
    }
    let isFirst = inbox.withLock { jobs in
      jobs.append(job)
      return jobs.count == 1
    }
    // Whoever found the inbox empty wakes the loop; it takes the later ones in the same turn.
    if isFirst { poller.wake() }
  }

  /// Traps unless the caller runs on the loop's thread: what `assumeIsolated` relies on.
  public func checkIsolated() {
    precondition(isCurrent, "this must run on its event loop")
  }

  /// Answers what `checkIsolated` would trap on.
  public func isIsolatingCurrentContext() -> Bool? { isCurrent }
}

// MARK: - Turns

extension LoopExecutor {
  /// Runs turns until `stop()`, on the calling thread.
  func run() {
    owner.store(Self.currentThread, ordering: .relaxed)
    while !isStopping.load(ordering: .relaxed) {
      poller.wait(for: ready.isEmpty ? waitMax() : .zero)
      time = MonotonicTime.now()
      takeInbox()
      fireTimers()
      runJobs()
      endTurn()
      deadlines.sweep(at: time, sockets: poller.sockets)
    }
    owner.store(0, ordering: .relaxed)
  }

  func stop() {
    isStopping.store(true, ordering: .relaxed)
    poller.wake()
  }

  /// Makes sure that a sweep comes soon after `deadline`.
  func schedule(_ deadline: MonotonicTime) {
    deadlines.include(deadline)
  }

  /// Has `ender` told of this turn's end, once for each call.
  func endTurn(of ender: any TurnEnding) { enders.append(ender) }

  /// Keeps a timer that was set.
  func add(_ timer: LoopTimer) { timers.insert(timer) }

  /// How long there is nothing to do but for sockets; nil: for ever.
  private func waitMax() -> Duration? {
    let now = MonotonicTime.now()
    let sweep = deadlines.wait(at: now)
    guard let next = timers.next else { return sweep }
    let timer = now.duration(to: next)
    return sweep.map { min($0, timer) } ?? timer
  }

  private func fireTimers() {
    guard let next = timers.next, next <= time else { return }
    for timer in timers.takeAll() where timer.check(at: time) { timers.insert(timer) }
  }

  /// What the enders make ready runs in the next turn, which comes at once.
  private func endTurn() {
    guard !enders.isEmpty else { return }
    let due = enders
    enders.removeAll(keepingCapacity: true)
    for ender in due { ender.endTurn() }
  }

  private func takeInbox() {
    inbox.withLock { jobs in
      guard !jobs.isEmpty else { return }
      ready.append(contentsOf: jobs)
      jobs.removeAll(keepingCapacity: true)
    }
  }

  private func runJobs() {
    let serial = asUnownedSerialExecutor()
    let preferred = asUnownedTaskExecutor()
    var count = 0
    // Jobs that these jobs make ready run in the same turn, up to the bound.
    while count < ready.count, count < Self.jobsPerTurnMax {
      ready[count].runSynchronously(isolatedTo: serial, taskExecutor: preferred)
      count += 1
    }
    if count == ready.count {
      ready.removeAll(keepingCapacity: true)
    } else {
      ready.removeFirst(count)
    }
  }
}
