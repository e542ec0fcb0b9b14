import Dispatch
import Foundation
import Synchronization

/// Commits one fault, or none. `scripts/sanitize` checks with it that the sanitizers find these
/// faults: otherwise a run without findings would prove nothing.
@main
enum Faults {
  static func main() {
    switch CommandLine.arguments.dropFirst().first {
    case "none": contend()
    case "race": race()
    case "use-after-free": useAfterFree()
    case "leak": leak()
    default: fatalError("say which: none, race, use-after-free or leak")
    }
  }

  private static let rounds = 5_000

  /// No fault: two threads contend for one mutex, and hold it long enough to block each other.
  private static func contend() {
    let total = Total()
    runTwice { _ in
      for _ in 0..<rounds {
        total.protected.withLock {
          $0 += 1
          sched_yield()
        }
      }
    }
    precondition(total.protected.withLock { $0 } == 2 * rounds)
  }

  /// A race in two closures that hold different mutexes. A suppression of reports in closures that
  /// hold a mutex would hide it.
  private static func race() {
    let total = Total()
    runTwice { isFirst in
      for _ in 0..<rounds {
        if isFirst {
          total.protected.withLock { _ in total.unprotected += 1 }
        } else {
          total.other.withLock { _ in total.unprotected += 1 }
        }
      }
    }
  }

  /// Runs `body` on two threads and waits for both.
  private static func runTwice(_ body: @escaping @Sendable (_ isFirst: Bool) -> Void) {
    let group = DispatchGroup()
    for isFirst in [true, false] {
      group.enter()
      Thread.detachNewThread {
        body(isFirst)
        group.leave()
      }
    }
    group.wait()
  }

  private static func useAfterFree() {
    let pointer = UnsafeMutablePointer<Int>.allocate(capacity: 1)
    pointer.initialize(to: 1)
    pointer.deallocate()
    print(pointer.pointee)
  }

  private static func leak() {
    for size in 1...100 {
      UnsafeMutablePointer<Int>.allocate(capacity: size).initialize(repeating: 1, count: size)
    }
  }
}

/// `@unchecked Sendable` is wrong here: that is the fault.
private final class Total: @unchecked Sendable {
  let protected = Mutex(0)
  let other = Mutex<Void>(())
  var unprotected = 0
}
