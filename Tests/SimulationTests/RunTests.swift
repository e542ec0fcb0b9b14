import Simulation
import Testing

/// One after the other: each keeps a core busy, and other tests need one.
@Suite("Runs of the simulated system", .serialized, .timeLimit(.minutes(10)))
struct RunTests {
  @Test("The same seed gives the same run, byte for byte")
  func repeats() {
    for seed in 1...30 {
      let journals = (0..<2).map { _ in
        var journal: [String] = []
        _ = Run.of(Plan(seed: UInt64(seed))) { journal.append($0) }
        return journal
      }
      #expect(journals[0] == journals[1] && journals[0].count > 20)
    }
  }

  /// CI makes 10,000 (`scripts/test`), and this is what the sanitizers see of them.
  @Test("No run breaks a promise")
  func holds() {
    let campaign = Campaign(seed: 1, runs: 200)
    for finding in campaign.search(threads: 1).findings {
      Issue.record("\(finding.shrunk().story())")
    }
  }

  @Test(
    "Each fault that is planted is found within 10,000 runs, and again", arguments: Plant.faults)
  func finds(_ plant: Plant) throws {
    let campaign = Campaign(seed: 1, runs: 10_000, plant: plant)
    let found = try #require(campaign.search(threads: 1).findings.first)
    #expect(Finding(found.plan, plant: plant)?.violation == found.violation)
  }

  @Test("A finding shrinks to a few requests that break the same promise")
  func shrinks() throws {
    let campaign = Campaign(seed: 1, runs: 10_000, plant: .staleLookup)
    let found = try #require(campaign.search(threads: 1).findings.first)
    let small = found.shrunk(plant: .staleLookup)
    #expect(small.violation.promise == found.violation.promise)
    #expect(small.plan.requests.count <= 4)
    #expect(found.shrunk(plant: .staleLookup).plan == small.plan)
    #expect(small.story(plant: .staleLookup).contains("BROKEN"))
  }
}
