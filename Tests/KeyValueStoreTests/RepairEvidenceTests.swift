import Testing

@testable import KeyValueStore

@Suite("A write waits for a repair of the cache as long as other processes may read it")
struct RepairEvidenceTests {
  private let start = ContinuousClock.now
  private let evidence = RepairEvidence()

  private func at(_ milliseconds: Int64) -> ContinuousClock.Instant {
    start + .milliseconds(milliseconds)
  }

  @Test("As long as requests are answered, every write waits")
  func answered() {
    for time in stride(from: Int64(0), to: 5_000, by: 100) {
      #expect(evidence.patience(at: at(time)) == RepairEvidence.patience)
      evidence.noteAnswer(at: at(time + 50))
    }
  }

  @Test("Without answers, one write now and then waits, and the others rely on it")
  func silent() {
    evidence.noteSilence(from: at(0), at: at(1_000))
    #expect(evidence.patience(at: at(1_001)) == RepairEvidence.probePatience)
    #expect(evidence.patience(at: at(1_002)) == nil)
    #expect(evidence.patience(at: at(1_200)) == nil)
    #expect(evidence.patience(at: at(1_201)) == RepairEvidence.probePatience)
    evidence.noteSilence(from: at(1_001), at: at(1_401))
    #expect(evidence.patience(at: at(1_399)) == nil)
  }

  @Test("A request without an answer counts only for a while")
  func outdated() {
    evidence.noteSilence(from: at(0), at: at(1_000))
    for time: Int64 in [1_600, 1_601, 1_602] {
      #expect(evidence.patience(at: at(time)) == RepairEvidence.probePatience)
    }
    #expect(evidence.patience(at: at(61_000)) == RepairEvidence.patience)
  }

  @Test("An answer also counts for requests that began before it")
  func answer() {
    evidence.noteSilence(from: at(0), at: at(1_000))
    evidence.noteAnswer(at: at(1_300))
    #expect(evidence.patience(at: at(1_301)) == RepairEvidence.patience)
    evidence.noteSilence(from: at(1_250), at: at(1_650))
    #expect(evidence.patience(at: at(1_651)) == RepairEvidence.patience)
    evidence.noteSilence(from: at(1_301), at: at(2_301))
    #expect(evidence.patience(at: at(2_302)) == RepairEvidence.probePatience)
  }
}
