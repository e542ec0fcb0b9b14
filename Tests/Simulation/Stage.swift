package import KeyValueStore

/// What all parts of a run share: the simulator, chance, what may go wrong and how often, the time
/// of day, and what has happened.
package final class Stage {
  package let simulator: Simulator
  private let home: Home
  package let chance: Chance
  /// What may go wrong now.
  package private(set) var odds: Odds
  package let ledger = Ledger()
  /// The moments of a run, counted. What happens at a smaller number happens before.
  package private(set) var moments = 0
  /// Is told what happens, a line for each event.
  private let listener: ((String) -> Void)?
  /// The database's clock was set forward by this.
  private var leap = Duration.zero

  package init(seed: UInt64, odds: Odds = .none, listener: ((String) -> Void)? = nil) {
    simulator = Simulator(seed: seed, earlyTimers: odds.earlyTimers)
    home = Home(simulator)
    chance = Chance(seed: seed ^ 0x5EED)
    self.odds = odds
    self.listener = listener
  }

  package func nextMoment() -> Int {
    moments += 1
    return moments
  }

  /// From now on nothing goes wrong.
  package func calm() { odds = odds.calm }

  package func note(_ line: @autoclosure () -> String) {
    guard let listener else { return }
    let (seconds, rest) = simulator.elapsed.components
    let digits = String(seconds * 1_000_000 + rest / 1_000_000_000_000 + 10_000_000_000)
    listener("\(digits.dropFirst(1)) \(line())")
  }

  /// Starts a task of the run, which nobody waits for. The closure must have no capture list: one
  /// that has leaves the actor (Swift 6.3), so that tasks would alternate where they do not wait.
  package func spawn(_ body: @escaping () async -> Void) {
    // Everything of a run is on the simulator's one thread.
    nonisolated(unsafe) let body = body
    Task(executorPreference: simulator) { [home] in await home.run(body) }
  }

  /// Runs `body`, and all that it waits for, to its end.
  package func run(_ body: @escaping () async -> Void) throws(Simulator.Stuck) {
    // That thread is this one.
    nonisolated(unsafe) let body = body
    try simulator.run { [home] in await home.run(body) }
  }

  // MARK: Time

  private static let start = Timestamp(microseconds: 1_700_000_000_000_000)

  /// The database's clock.
  package var databaseTime: Timestamp {
    Stage.start.adding(microseconds: (simulator.elapsed + leap).microseconds)
  }

  /// Sets the database's clock forward: what it keeps becomes that much older.
  package func advanceDatabase(by duration: Duration) { leap += duration }

  /// A message is on its way.
  package func travel() async {
    let isSlow = chance.oneIn(8)
    let most = odds.travelMost
    await simulator.pause(
      for: .microseconds(chance.number(in: isSlow ? most / 2...most : 50...most / 16)))
  }
}

/// The actor that everything of a run belongs to, as the objects of an event loop belong to one: no
/// call leaves it, so that tasks alternate only where they wait.
private actor Home {
  private nonisolated let simulator: Simulator
  nonisolated var unownedExecutor: UnownedSerialExecutor { simulator.asUnownedSerialExecutor() }

  init(_ simulator: Simulator) { self.simulator = simulator }

  func run(_ body: () async -> Void) async { await body() }
}

extension Duration {
  package var microseconds: Int64 {
    let (seconds, attoseconds) = components
    return seconds * 1_000_000 + attoseconds / 1_000_000_000_000
  }
}

/// A process of the simulated system. When it dies, nothing that it does has any effect any more:
/// its calls fail, its pauses end, and its answers reach no client.
package final class Process {
  package let name: String
  package let stage: Stage
  package private(set) var isAlive = true
  /// How wrong the clock of its machine is.
  let clockError: Duration

  package init(_ name: String, on stage: Stage, clockError: Duration = .zero) {
    self.name = name
    self.stage = stage
    self.clockError = clockError
  }

  package func die() {
    isAlive = false
    stage.note("\(name) dies")
  }

  /// The time of day as its machine has it.
  var machineTime: Timestamp { stage.databaseTime.adding(microseconds: clockError.microseconds) }

  /// Its monotonic clock.
  package var clock: SteadyClock {
    let simulated = stage.simulator.clock
    // Read on the simulator's thread only, as everything.
    nonisolated(unsafe) let process = self
    return SteadyClock(
      now: simulated.now,
      wait: { duration in
        guard process.isAlive else { return false }
        return await simulated.wait(duration)
      })
  }
}
