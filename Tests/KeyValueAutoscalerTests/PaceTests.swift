import Testing

@testable import KeyValueAutoscaler

/// How fast decisions may change things: stabilization, steps, and waiting for commands.
@Suite("The pace of decisions")
struct PaceTests {
  private let stable = ScalingLimits.loose.with { $0.stabilization = .seconds(300) }

  @Test("Replicas go only after five minutes without a recommendation of more")
  func stabilization() {
    var replay = Replay(stable)
    #expect(replay.decide(.seen(2, at: 0, .cpu(500, of: 2))).change == 10)
    for second in stride(from: 15, through: 300, by: 15) {
      let decision = replay.decide(.seen(10, at: second, .cpu(20, of: 10)))
      #expect(decision.change == nil, "\(second) s")
      #expect(decision.reasons.last == .stabilized(replicas: 10))
    }
    #expect(replay.decide(.seen(10, at: 315, .cpu(20, of: 10))).change == 2)
  }

  @Test("They go to the highest recommendation of that time, not to the last")
  func highestRecommendation() {
    var replay = Replay(stable)
    _ = replay.decide(.seen(10, at: 0, .cpu(100, of: 10)))
    _ = replay.decide(.seen(10, at: 15, .cpu(60, of: 10)))
    _ = replay.decide(.seen(10, at: 30, .cpu(40, of: 10)))
    _ = replay.decide(.seen(10, at: 300, .cpu(10, of: 10)))
    let decision = replay.decide(.seen(10, at: 310, .cpu(10, of: 10)))
    #expect(decision.recommendation == 1)
    #expect(decision.change == 6)
    #expect(decision.reasons.last == .stabilized(replicas: 6))
  }

  @Test("An earlier recommendation of more never raises")
  func stabilizationDoesNotRaise() {
    var replay = Replay(stable)
    _ = replay.decide(.seen(2, at: 0, .cpu(500, of: 2)))
    #expect(replay.decide(.seen(4, at: 15, .cpu(20, of: 4))).desired == 4)
    #expect(replay.decide(.seen(4, at: 30, .cpu(150, of: 4))).change == 6)
  }

  @Test("After a start, nothing goes before the whole time has been watched")
  func start() {
    var replay = Replay(stable)
    for second in stride(from: 0, through: 300, by: 15) {
      #expect(replay.decide(.seen(10, at: second, .cpu(1, of: 10))).change == nil, "\(second) s")
    }
    #expect(replay.decide(.seen(10, at: 301, .cpu(1, of: 10))).change == 1)
  }

  @Test("Neither after Prometheus has been away for longer than that")
  func absence() {
    var replay = Replay(stable)
    _ = replay.decide(.seen(10, at: 0, .cpu(1, of: 10)))
    for second in stride(from: 15, through: 600, by: 15) {
      _ = replay.decide(
        ScalingObservation(at: .seconds(second), replicas: .unknown("away"), readings: []))
    }
    #expect(replay.decide(.seen(10, at: 615, .cpu(1, of: 10))).change == nil)
    #expect(replay.decide(.seen(10, at: 900, .cpu(1, of: 10))).change == nil)
    #expect(replay.decide(.seen(10, at: 916, .cpu(1, of: 10))).change == 1)
  }

  @Test("A metric that was missing starts the time anew")
  func gap() {
    var replay = Replay(stable)
    _ = replay.decide(.seen(10, at: 0, .cpu(1, of: 10)))
    _ = replay.decide(.seen(10, at: 200, .missing(.cpu)))
    #expect(replay.decide(.seen(10, at: 310, .cpu(1, of: 10))).change == nil)
    #expect(replay.decide(.seen(10, at: 501, .cpu(1, of: 10))).change == 1)
  }

  @Test("By default 4 replicas or 100 % may come in 15 s, whichever is more")
  func stepUp() {
    let limits = ScalingLimits.loose.with {
      $0.up = .init(replicas: 4, percent: 100, period: .seconds(15))
    }
    var replay = Replay(limits)
    let first = replay.decide(.seen(1, at: 0, .cpu(5_000, of: 1)))
    #expect(first.change == 5)
    #expect(first.reasons.last == .stepUp(replicas: 5))
    // Within the 15 s the count is still that of their beginning.
    #expect(replay.decide(.seen(5, at: 10, .cpu(1_000, of: 5))).change == nil)
    #expect(replay.decide(.seen(5, at: 16, .cpu(1_000, of: 5))).change == 10)
    #expect(replay.decide(.seen(10, at: 32, .cpu(1_000, of: 10))).change == 20)
  }

  /// The example of the documentation: 4 Pods or 10 % a minute, from 80 replicas on.
  @Test("Of 80 replicas 10 % go each minute, rounded up; below 40 it is 4 a minute")
  func stepDown() {
    let limits = ScalingLimits.loose.with {
      $0.down = .init(replicas: 4, percent: 10, period: .seconds(60))
    }
    var replay = Replay(limits)
    var replicas = 80
    var counts: [Int] = []
    for minute in 0..<8 {
      let decision = replay.decide(
        .seen(replicas, at: minute * 61, .cpu(0, of: replicas)))
      replicas = decision.desired ?? replicas
      counts.append(replicas)
    }
    #expect(counts == [72, 64, 57, 51, 45, 40, 36, 32])
  }

  @Test("Several decisions within a minute take no more than one step down together")
  func stepDownPeriod() {
    let limits = ScalingLimits.loose.with {
      $0.down = .init(replicas: 1, percent: 0, period: .seconds(60))
    }
    var replay = Replay(limits)
    #expect(replay.decide(.seen(5, at: 0, .cpu(0, of: 5))).change == 4)
    #expect(replay.decide(.seen(4, at: 15, .cpu(0, of: 4))).change == nil)
    #expect(replay.decide(.seen(4, at: 60, .cpu(0, of: 4))).change == nil)
    #expect(replay.decide(.seen(4, at: 61, .cpu(0, of: 4))).change == 3)
  }

  @Test("A step of 0 in one direction switches that direction off")
  func noSteps() {
    let limits = ScalingLimits.loose.with {
      $0.down = .init(replicas: 0, percent: 0, period: .seconds(60))
      $0.up = .init(replicas: 0, percent: 0, period: .seconds(60))
    }
    var replay = Replay(limits)
    #expect(replay.decide(.seen(5, at: 0, .cpu(0, of: 5))).change == nil)
    #expect(replay.decide(.seen(5, at: 100, .cpu(900, of: 5))).change == nil)
  }

  @Test("While replicas are still coming, fewer than were asked for are never asked for")
  func settlingUp() {
    var replay = Replay(.loose)
    #expect(replay.decide(.seen(2, at: 0, .cpu(250, of: 2))).change == 5)
    replay.command(5, at: 0)
    // Prometheus knows two of the five yet, and these are less busy now.
    let decision = replay.decide(.seen(2, at: 15, .cpu(130, of: 2)))
    #expect(decision.change == nil)
    #expect(decision.reasons.last == .settling(replicas: 5))
    #expect(replay.decide(.seen(3, at: 30, .cpu(20, of: 3))).change == nil)
    // More than that are, at once.
    #expect(replay.decide(.seen(3, at: 45, .cpu(300, of: 3))).change == 9)
    // What does not come within the time is asked for again.
    #expect(replay.decide(.seen(3, at: 61, .cpu(130, of: 3))).change == 4)
  }

  @Test("While replicas are still leaving, more may be asked for, but not even fewer")
  func settlingDown() {
    var replay = Replay(.loose)
    #expect(replay.decide(.seen(6, at: 0, .cpu(50, of: 6))).change == 3)
    replay.command(3, at: 0)
    #expect(replay.decide(.seen(5, at: 15, .cpu(20, of: 5))).change == nil)
    #expect(replay.decide(.seen(5, at: 30, .cpu(150, of: 5))).change == 8)
  }

  @Test("What was asked for is what is expected, until it has had its time")
  func expected() {
    var history = ScalingHistory()
    #expect(history.expected(2, at: .seconds(0), settling: .seconds(60)) == 2)
    history.record(command: 5, at: .seconds(0))
    #expect(history.expected(2, at: .seconds(30), settling: .seconds(60)) == 5)
    #expect(history.expected(2, at: .seconds(60), settling: .seconds(60)) == 2)
  }
}
