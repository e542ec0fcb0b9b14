internal import Dispatch
internal import Synchronization

/// Many runs, each with a seed of its own, on several threads.
package struct Campaign: Sendable {
  /// The seed of the first run; the others follow.
  package let seed: UInt64
  package let runs: Int
  package let plant: Plant
  /// It ends after so many findings.
  package let findingsMax: Int

  package init(seed: UInt64, runs: Int, plant: Plant = .none, findingsMax: Int = 1) {
    self.seed = seed
    self.runs = runs
    self.plant = plant
    self.findingsMax = findingsMax
  }

  private struct State {
    var next = 0
    var findings: [Finding] = []
  }

  /// Runs in one portion of a thread.
  private static let portion = 50

  /// What was found, by seed, and how many runs it took.
  /// - Parameters:
  ///   - threads: how many runs take place at a time.
  ///   - progress: is told now and then how many runs have begun, on any thread.
  package func search(
    threads: Int, progress: @escaping @Sendable (Int) -> Void = { _ in }
  ) -> (findings: [Finding], runs: Int) {
    let state = Mutex(State())
    DispatchQueue.concurrentPerform(iterations: threads) { _ in
      while let first = takePortion(of: state) {
        progress(first)
        for number in first..<min(first + Self.portion, runs) {
          let plan = Plan(seed: seed &+ UInt64(number))
          if let finding = Finding(plan, plant: plant) {
            state.withLock { $0.findings.append(finding) }
          }
        }
      }
    }
    return state.withLock { state in
      (state.findings.sorted { $0.plan.seed < $1.plan.seed }, min(state.next, runs))
    }
  }

  private func takePortion(of state: borrowing Mutex<State>) -> Int? {
    state.withLock { state in
      guard state.next < runs, state.findings.count < findingsMax else { return nil }
      defer { state.next += Self.portion }
      return state.next
    }
  }
}
