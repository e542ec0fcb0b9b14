/// A plan that breaks a promise, and how.
package struct Finding: Sendable {
  package let plan: Plan
  package let violation: Violation

  /// The first promise that the plan breaks; nil: it breaks none.
  package init?(_ plan: Plan, plant: Plant = .none) {
    guard let violation = Run.of(plan, plant: plant).violations.first else { return nil }
    self.init(plan: plan, violation: violation)
  }

  private init(plan: Plan, violation: Violation) {
    self.plan = plan
    self.violation = violation
  }

  /// What happens in the run, step by step, and the promise that it breaks.
  package func story(plant: Plant = .none) -> String {
    var lines = ["seed \(plan.seed); \(plan.odds.words)"]
    _ = Run.of(plan, plant: plant) { lines.append($0) }
    return (lines + ["BROKEN: \(violation)"]).joined(separator: "\n")
  }

  /// The shortest plan that was found to break the same promise: with fewer keys, requests and
  /// faults, and under a seed of its own. The same finding shrinks to the same one.
  package func shrunk(plant: Plant = .none) -> Finding {
    var shrinking = Shrinking(self, plant: plant)
    shrinking.run()
    return shrinking.smallest
  }
}

/// Leaves out whatever a violation does not need.
private struct Shrinking {
  private(set) var smallest: Finding
  private let plant: Plant
  private var runsLeft = 4_000

  /// With fewer requests, chance takes another course. So many are tried.
  private static let coursesMax = 24

  init(_ finding: Finding, plant: Plant) {
    smallest = finding
    self.plant = plant
  }

  mutating func run() {
    let key = smallest.violation.key
    if !key.isEmpty { attempt { $0.requests.removeAll { !$0.keys.contains(key) } } }
    var before: Plan
    repeat {
      before = smallest.plan
      removeRequests()
      for place in smallest.plan.incidents.indices.reversed() {
        attempt { $0.incidents.remove(at: place) }
      }
      for field in Odds.fields { attempt { $0.odds[keyPath: field] = 0 } }
      attempt { $0.odds.earlyTimers = 0 }
      attempt { $0.leapAfter = nil }
      for place in smallest.plan.clockErrors.indices { attempt { $0.clockErrors[place] = 0 } }
    } while smallest.plan != before && runsLeft > 0
  }

  /// Halves, quarters, and so on, down to single ones.
  private mutating func removeRequests() {
    var size = smallest.plan.requests.count / 2
    while size > 0 {
      var start = 0
      while start < smallest.plan.requests.count {
        let end = min(start + size, smallest.plan.requests.count)
        // What follows moves up.
        if !attempt({ $0.requests.removeSubrange(start..<end) }) { start = end }
      }
      size /= 2
    }
  }

  /// Whether a smaller plan breaks the same promise.
  @discardableResult
  private mutating func attempt(_ change: (inout Plan) -> Void) -> Bool {
    var plan = smallest.plan
    change(&plan)
    if plan == smallest.plan { return false }
    for course in 0..<Self.coursesMax where runsLeft > 0 {
      runsLeft -= 1
      var candidate = plan
      candidate.seed = plan.seed &+ UInt64(course) << 32
      guard let finding = Finding(candidate, plant: plant),
        finding.violation.promise == smallest.violation.promise
      else { continue }
      smallest = finding
      return true
    }
    return false
  }
}
