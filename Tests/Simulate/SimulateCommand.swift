internal import Foundation
internal import Simulation

/// Simulates the whole system: what `scripts/simulate` starts.
@main
enum SimulateCommand {
  static func main() {
    let environment = ProcessInfo.processInfo.environment
    let seed = environment["SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 1...1_000_000_000)
    let runs = environment["RUNS"].flatMap { Int($0) } ?? 10_000
    let name = environment["PLANT"].flatMap { $0.isEmpty ? nil : $0 } ?? "none"
    guard let plant = Plant(rawValue: name) else {
      print("PLANT is one of: \(Plant.faults.map(\.rawValue).joined(separator: ", "))")
      exit(2)
    }
    exit(runs == 1 ? tell(seed, plant) : search(Campaign(seed: seed, runs: runs, plant: plant)))
  }

  /// Tells one run, and if it breaks a promise, the shortest one that does.
  private static func tell(_ seed: UInt64, _ plant: Plant) -> Int32 {
    let plan = Plan(seed: seed)
    print("seed \(seed); \(plan.odds.words)")
    let run = Run.of(plan, plant: plant) { print($0) }
    for violation in run.violations { print("BROKEN: \(violation)") }
    guard let finding = Finding(plan, plant: plant) else { return 0 }
    report(finding, plant)
    return 1
  }

  private static func search(_ campaign: Campaign) -> Int32 {
    let start = ContinuousClock.now
    let clock: @Sendable () -> Int64 = { (ContinuousClock.now - start).components.seconds }
    print("\(campaign.runs) runs from seed \(campaign.seed) on")
    let threads = ProcessInfo.processInfo.activeProcessorCount
    let found = campaign.search(threads: threads) { begun in
      if begun > 0, begun % 10_000 == 0 { print("\(begun) runs, \(clock()) s") }
    }
    let rate = Int64(found.runs) / max(clock(), 1)
    print("\(found.runs) runs in \(clock()) s, \(rate) a second, on \(threads) threads")
    for finding in found.findings { report(finding, campaign.plant) }
    return found.findings.isEmpty ? 0 : 1
  }

  /// What starts this build. Another one may run the jobs of a seed in another order, because the
  /// optimizer leaves out some of them.
  private static var command: String {
    #if DEBUG
      "scripts/simulate --binaries .build/debug"
    #else
      "scripts/simulate"
    #endif
  }

  private static func words(of plant: Plant) -> String {
    plant == .none ? "" : " PLANT=\(plant.rawValue)"
  }

  private static func report(_ finding: Finding, _ plant: Plant) {
    print("\n\(finding.violation)")
    print("SEED=\(finding.plan.seed) RUNS=1\(words(of: plant)) \(command) repeats it.")
    print("The shortest run that was found to break this promise:\n")
    print(finding.shrunk(plant: plant).story(plant: plant))
  }
}
