import KeyValueStore
import Simulation
import Testing

@Suite("The simulator's executor and clock")
struct SimulatorTests {
  /// Records what tasks did, in order.
  private actor Journal {
    private let simulator: Simulator
    private var lines: [String] = []

    nonisolated var unownedExecutor: UnownedSerialExecutor {
      simulator.asUnownedSerialExecutor()
    }

    init(on simulator: Simulator) { self.simulator = simulator }

    func note(_ line: String) { lines.append("\(simulator.elapsed) \(line)") }
    var all: [String] { lines }
  }

  /// Tasks that yield, pause, wait for each other and are cancelled.
  private func bustle(on simulator: Simulator) async -> [String] {
    let journal = Journal(on: simulator)
    let clock = simulator.clock
    await withTaskGroup(of: Void.self) { group in
      for number in 0..<5 {
        group.addTask {
          await journal.note("\(number) begins")
          for _ in 0..<number { await Task.yield() }
          _ = await clock.wait(.milliseconds(number % 2))
          async let first: Void = journal.note("\(number) forks")
          async let second: Void = journal.note("\(number) forks, too")
          _ = await (first, second)
        }
      }
      group.addTask {
        let isDone = await simulator.pause(for: .seconds(3_600))
        await journal.note("the long pause ends: \(isDone)")
      }
      for _ in 0..<5 { await group.next() }
      group.cancelAll()
    }
    return await journal.all
  }

  private func trace(seed: UInt64) throws -> ([String], UInt64) {
    let simulator = Simulator(seed: seed, earlyTimers: 8)
    let lines = try simulator.run { await bustle(on: simulator) }
    return (lines, simulator.fingerprint)
  }

  @Test("The same seed runs the same jobs in the same order; other seeds run others")
  func repeats() throws {
    for seed in 0..<UInt64(50) {
      let (first, second) = (try trace(seed: seed), try trace(seed: seed))
      #expect(first == second)
    }
    let traces = try Set((0..<UInt64(50)).map { try trace(seed: $0).0 })
    #expect(traces.count > 40)
  }

  @Test("Cancelling ends a pause; no other task waits for its time")
  func cancels() throws {
    let (lines, _) = try trace(seed: 1)
    #expect(lines.count == 16)
    #expect(lines.last?.hasPrefix("0.00") == true)
    #expect(lines.last?.hasSuffix("the long pause ends: false") == true)
  }

  @Test("Time passes only while nothing can run, and an hour takes no time")
  func passes() throws {
    let simulator = Simulator(seed: 1)
    let clock = simulator.clock
    let start = clock.now()
    let waited = try simulator.run {
      for _ in 0..<100 { await Task.yield() }
      let before = clock.now() - start
      _ = await clock.wait(.seconds(3_600))
      return [before, clock.now() - start]
    }
    #expect(waited == [.zero, .seconds(3_600)])
  }

  @Test("A run that can't end is stuck, and says how")
  func sticks() throws {
    let waiting = Simulator(seed: 1)
    #expect(throws: Simulator.Stuck.deadlock) {
      try waiting.run {
        let (stream, opening) = AsyncStream<Void>.makeStream()
        for await _ in stream {}
        withExtendedLifetime(opening) {}
      }
    }
    let endless = Simulator(seed: 1)
    #expect(throws: Simulator.Stuck.tooManySteps) {
      try endless.run(stepsMax: 1_000) { while true { await Task.yield() } }
    }
  }
}
