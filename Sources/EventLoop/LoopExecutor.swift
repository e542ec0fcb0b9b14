internal import Basics
internal import Foundation
internal import Synchronization

/// Runs jobs on the thread that waits for sockets, in turns: wait for events, run what is ready,
/// sweep deadlines.
///
/// It is a serial executor (for actors) and a task executor (for everything else) in one. If it
/// were only a serial executor, every resumed continuation would go through the global pool first.
///
/// `@unchecked Sendable`: `inbox`, `owner`, `isStopping` and `poller.wake()` may be used by any
/// thread. Everything else is used only by the loop's own thread, which `run()` records and
/// `isCurrent` checks.
public final class LoopExecutor: SerialExecutor, TaskExecutor, @unchecked Sendable {
  /// The most jobs that run in one turn, so that a task that only yields can't starve the sockets.
  static let jobsPerTurnMax = 1_024
  /// How long the jobs of a turn run, roughly: until then nobody sees which sockets are ready.
  private static let jobsTimeMax = Duration.milliseconds(1)
  /// The time is read after so many jobs.
  private static let jobsPerReading = 8

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

  /// When this turn began: exact enough for deadlines, and without a system call.
  var now: MonotonicTime { time }

  /// The identity of the calling thread; never 0.
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
  /// Takes a job from any thread. On the loop's own thread it costs one append.
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
    // The first job in the inbox wakes the loop, which takes all later ones in the same turn.
    if isFirst { poller.wake() }
  }

  /// Traps unless the caller runs on the loop's thread; `assumeIsolated` relies on it.
  public func checkIsolated() {
    precondition(isCurrent, "this must run on its event loop")
  }

  /// Whether `checkIsolated` would not trap.
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

  /// Makes sure that a sweep follows soon after `deadline`.
  func schedule(_ deadline: MonotonicTime) {
    deadlines.include(deadline)
  }

  /// Has `ender.endTurn()` called at the end of this turn, once for each call.
  func endTurn(of ender: any TurnEnding) { enders.append(ender) }

  /// Keeps a timer that has been set.
  func add(_ timer: LoopTimer) { timers.insert(timer) }

  /// How long the loop may wait for events; nil means for ever.
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

  /// Jobs that the enders make ready run in the next turn, which follows without a wait.
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
    // Jobs that become ready meanwhile run in the same turn, within its bounds.
    let end = time.adding(Self.jobsTimeMax)
    while count < ready.count, count < Self.jobsPerTurnMax {
      ready[count].runSynchronously(isolatedTo: serial, taskExecutor: preferred)
      count += 1
      if count % Self.jobsPerReading == 0, end <= MonotonicTime.now() { break }
    }
    if count == ready.count {
      ready.removeAll(keepingCapacity: true)
    } else {
      ready.removeFirst(count)
    }
  }
}

// MARK: - Deadlines

/// Finds the sockets whose deadline has passed by checking all sockets now and then.
///
/// One sweep for the loop instead of a timer for each connection: to set a deadline, which every
/// request does several times, costs one store. A sweep over 10,000 sockets takes well under a
/// millisecond.
private struct DeadlineSweep {
  /// The shortest time between two sweeps, so a deadline is noticed at most this late.
  private static let resolution = Duration.milliseconds(100)

  private var next = MonotonicTime.distantFuture
  private var last = MonotonicTime.distantPast

  /// Makes sure that a sweep follows `deadline`.
  mutating func include(_ deadline: MonotonicTime) {
    if deadline < next { next = max(deadline, last.adding(Self.resolution)) }
  }

  /// The time until the next sweep; nil if none is needed.
  func wait(at now: MonotonicTime) -> Duration? {
    if next == .distantFuture { return nil }
    return now.duration(to: next)
  }

  /// Expires the sockets that are due, and notes the earliest deadline of the others.
  mutating func sweep(at now: MonotonicTime, sockets: SocketTable) {
    guard next <= now else { return }
    var earliest = MonotonicTime.distantFuture
    sockets.forEach { socket in
      guard let deadline = socket.deadline else { return }
      if deadline <= now { socket.expire() } else { earliest = min(earliest, deadline) }
    }
    last = now
    next = .distantFuture
    include(earliest)
  }
}
