import Foundation

/// A thread that never ends, for starting servers on.
///
/// PR_SET_PDEATHSIG counts the thread that started a process as its parent (prctl(2)): a server
/// that was started on a thread of a pool would be killed when the pool lets go of that thread.
enum SpawningThread {
  private static let jobs = Jobs()

  /// Runs `body` there, and returns what it returns.
  static func run(_ body: @escaping @Sendable () -> Int32) -> Int32 { jobs.run(body) }

  /// What is to be run, one after the other.
  private final class Jobs: @unchecked Sendable {
    // `@unchecked`: `waiting` and `results` are behind the condition's lock.
    private let condition = NSCondition()
    private var waiting: [(number: Int, body: @Sendable () -> Int32)] = []
    private var results: [Int: Int32] = [:]
    private var count = 0

    init() {
      Thread.detachNewThread { [unowned self] in work() }
    }

    func run(_ body: @escaping @Sendable () -> Int32) -> Int32 {
      condition.lock()
      defer { condition.unlock() }
      count += 1
      let number = count
      waiting.append((number, body))
      condition.broadcast()
      while true {
        if let result = results.removeValue(forKey: number) { return result }
        condition.wait()
      }
    }

    private func work() {
      condition.lock()
      while true {
        guard !waiting.isEmpty else {
          condition.wait()
          continue
        }
        let job = waiting.removeFirst()
        condition.unlock()
        let result = job.body()
        condition.lock()
        results[job.number] = result
        condition.broadcast()
      }
    }
  }
}
