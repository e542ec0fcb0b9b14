import Foundation
import Synchronization

/// A thread that somebody waits for, though not for ever: nothing can end a thread that looks up a
/// host's name.
final class ConnectionThread: Sendable {
  private enum Phase {
    case running
    case awaited(CheckedContinuation<Void, Never>)
    case over
  }

  private let phase = Mutex(Phase.running)

  /// Big enough for OpenSSL's handshake.
  private static let stackBytes = 512 << 10

  init(_ name: String, _ body: @escaping @Sendable () -> Void) {
    let thread = Thread { [self] in
      // Before its start a thread has no name to the system (`ps -T`, profilers).
      Thread.current.name = name
      body()
      giveUp()
    }
    thread.stackSize = ConnectionThread.stackBytes
    thread.start()
  }

  /// Returns when the thread has ended, or somebody has given it up. For one caller.
  func ended() async {
    await withCheckedContinuation { continuation in
      let isOver = phase.withLock { phase in
        if case .over = phase { return true }
        phase = .awaited(continuation)
        return false
      }
      if isOver { continuation.resume() }
    }
  }

  /// Lets `ended` return, whatever the thread does.
  func giveUp() {
    let waiting = phase.withLock { phase -> CheckedContinuation<Void, Never>? in
      defer { phase = .over }
      if case .awaited(let continuation) = phase { return continuation }
      return nil
    }
    waiting?.resume()
  }
}
