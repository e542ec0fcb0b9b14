import Testing

@testable import KeyValueStore

@Suite("A write waits for a repair of the cache as long as other processes may read it")
struct RepairEvidenceTests {
  private let start = ContinuousClock.now
  private let evidence = RepairEvidence(trustTime: .seconds(1))

  private func at(_ milliseconds: Int64) -> ContinuousClock.Instant {
    start + .milliseconds(milliseconds)
  }

  @Test("As long as requests are answered, every write waits")
  func answered() {
    for time in stride(from: Int64(0), to: 5_000, by: 100) {
      #expect(evidence.patience(at: at(time)) == evidence.patience)
      evidence.noteAnswer(at: at(time + 50))
    }
  }

  @Test("Without answers, one write now and then waits, and the others rely on it")
  func silent() {
    evidence.noteSilence(from: at(0), at: at(1_000))
    #expect(evidence.patience(at: at(1_001)) == RepairEvidence.answerTime)
    #expect(evidence.patience(at: at(1_002)) == nil)
    #expect(evidence.patience(at: at(1_200)) == nil)
    #expect(evidence.patience(at: at(1_201)) == RepairEvidence.answerTime)
    evidence.noteSilence(from: at(1_001), at: at(1_401))
    #expect(evidence.patience(at: at(1_399)) == nil)
  }

  @Test("A request without an answer counts only for a while")
  func outdated() {
    evidence.noteSilence(from: at(0), at: at(1_000))
    #expect(evidence.patience(at: at(1_599)) == RepairEvidence.answerTime)
    for time: Int64 in [1_600, 1_601, 1_602, 61_000] {
      #expect(evidence.patience(at: at(time)) == evidence.patience)
    }
  }

  @Test("A request outlives those that read what can't be repaired any more")
  func patience() {
    #expect(evidence.patience == .seconds(1) + RepairEvidence.answerTime)
  }

  @Test(
    "Once requests can be answered, writes rely on silence for no longer than is said",
    arguments: [1, 50, 199, 200, 350, 599, 700] as [Int64])
  func reliance(interval: Int64) {
    let answerable: Int64 = 5_000
    let answerTime = RepairEvidence.answerTime / .milliseconds(1)
    var last: Int64 = 0
    // The requests that wait: when they began, and when they end.
    var requests: [(start: Int64, end: Int64)] = []
    for time in 0..<(2 * answerable) {
      for request in requests where request.end == time {
        // It was answered at the last moment, or it was not.
        if time >= max(request.start, answerable) + Int64(answerTime) {
          evidence.noteAnswer(at: at(time))
        } else {
          evidence.noteSilence(from: at(request.start), at: at(time))
          last = time
        }
      }
      requests.removeAll { $0.end <= time }
      guard time % interval == 0 else { continue }
      if let patience = evidence.patience(at: at(time)) {
        requests.append((time, time + Int64(patience / .milliseconds(1))))
      } else {
        last = time
      }
    }
    #expect(.milliseconds(last - answerable) <= RepairEvidence.relianceMax)
  }

  @Test("An answer also counts for requests that began before it")
  func answer() {
    evidence.noteSilence(from: at(0), at: at(1_000))
    evidence.noteAnswer(at: at(1_300))
    #expect(evidence.patience(at: at(1_301)) == evidence.patience)
    evidence.noteSilence(from: at(1_250), at: at(1_650))
    #expect(evidence.patience(at: at(1_651)) == evidence.patience)
    evidence.noteSilence(from: at(1_301), at: at(2_301))
    #expect(evidence.patience(at: at(2_302)) == RepairEvidence.answerTime)
  }
}
