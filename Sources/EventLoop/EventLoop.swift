internal import Foundation

/// A thread that waits for sockets and runs the tasks which use them.
///
/// Whatever belongs to a loop is an actor pinned to it, or a plain object inside such an actor:
///
///     actor Server {
///       nonisolated let loop: EventLoop
///       nonisolated var unownedExecutor: UnownedSerialExecutor { loop.unownedExecutor }
///     }
///
/// and is started with the loop as its task's preference, which child tasks inherit:
///
///     await withTaskExecutorPreference(loop.executor) { await server.run() }
///
/// Then everything of a request runs on this one thread, without a lock and without a hop.
public actor EventLoop {
  /// Runs the loop's jobs: the serial executor of its actors and the preference of its tasks.
  public nonisolated let executor: LoopExecutor
  private nonisolated let name: String

  /// The executor that actors pin themselves to.
  public nonisolated var unownedExecutor: UnownedSerialExecutor {
    executor.asUnownedSerialExecutor()
  }

  /// Makes a loop; nothing runs before `start()`.
  ///
  /// Throws `SystemCallError` when the operating system has no descriptor left for it.
  public init(name: String, backend: PollerBackend = .platformDefault) throws {
    self.name = name
    executor = LoopExecutor(poller: try backend.makePoller())
  }

  /// Calls `ender.endTurn()` once the jobs of this turn have run: as often as this was called. Call
  /// it on the loop's thread.
  public nonisolated func endTurn(of ender: any TurnEnding) {
    executor.endTurn(of: ender)
  }

  /// Starts the loop's thread.
  public nonisolated func start() {
    let thread = Thread { [executor, name] in
      // Before its start a thread has no name to the system (`ps -T`, profilers).
      Thread.current.name = name
      executor.run()
    }
    thread.stackSize = 1 << 20
    thread.start()
  }

  /// Ends the loop's thread after the turn it is in. Every task of the loop must have ended before.
  public nonisolated func stop() {
    executor.stop()
  }
}
