internal import Foundation

/// A thread that waits for sockets and runs the tasks that use them.
///
/// What belongs to a loop is an actor pinned to it, or a plain object inside such an actor:
///
///     actor Server {
///       nonisolated let loop: EventLoop
///       nonisolated var unownedExecutor: UnownedSerialExecutor { loop.unownedExecutor }
///     }
///
/// It is started with the loop as its task's preference, which child tasks inherit:
///
///     await withTaskExecutorPreference(loop.executor) { await server.run() }
///
/// Then a whole request runs on this one thread, without a lock and without a hop.
public actor EventLoop {
  /// Runs the loop's jobs: the serial executor of its actors and the preferred executor of its
  /// tasks.
  public nonisolated let executor: LoopExecutor
  private nonisolated let name: String

  /// The executor that actors pin themselves to.
  public nonisolated var unownedExecutor: UnownedSerialExecutor {
    executor.asUnownedSerialExecutor()
  }

  /// Makes a loop; nothing runs before `start()`.
  ///
  /// Throws `SystemCallError` when the system has no descriptor left for it.
  public init(name: String, backend: PollerBackend = .platformDefault) throws {
    self.name = name
    executor = LoopExecutor(poller: try backend.makePoller())
  }

  /// Has `ender.endTurn()` called after the jobs of this turn have run, once for each call of this
  /// method. Call it on the loop's thread.
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

  /// Ends the loop's thread after its current turn. Every task of the loop must have ended before.
  public nonisolated func stop() {
    executor.stop()
  }
}

/// Does something once at the end of a turn, for example writes all the commands that a C library
/// has buffered in this turn with one system call.
public protocol TurnEnding: AnyObject {
  /// Called on the loop's thread after the turn's jobs have run.
  func endTurn()
}

/// A system call failed, and its caller can do nothing about it.
public struct SystemCallError: Error, CustomStringConvertible, Sendable {
  /// The name of the call's manual page.
  public let call: String
  /// `errno` after the call.
  public let code: Int32

  /// Reads `errno`, so it must follow the call immediately.
  init(_ call: String) {
    self.call = call
    code = errno
  }

  public var description: String { "\(call): \(String(cString: strerror(code)))" }
}
