package import KeyValueStore

/// One run of the simulated system: a plan is carried out, then everything is mended, and what
/// happened is checked.
///
/// The system is three nodes of kv-api and two workers, in one process and on one thread: the real
/// `Store` with its batchers, and the real `Applier`, over ports that are simulated (`Services`).
/// The parts, from the bottom:
///
/// - `Simulator` runs the tasks. A seed decides which one goes on next, and time passes only when
///   none can. So a run takes milliseconds, and the same seed repeats it exactly.
/// - `Stage` is what everything in a run shares. Every call of a port is on its way for a while
///   (`travel`), and may fail there as the real ones do (`Odds`).
/// - `SimulatedDatabase`, `SimulatedRedis`, `SimulatedQueue` and `SimulatedFeed` are the services;
///   a process reaches them through a `…Connection`. They pass the contracts of their ports.
/// - A `Node` is a process. It can die between any two steps, and another one takes its place.
/// - A `Plan` says what clients ask and what befalls the system. The seed makes it, too.
/// - The `Ledger` has every state that the database gave a key. `Checker` compares with it what the
///   clients were told: see `Violation.Promise` for what is promised.
/// - `Campaign` makes many runs, and `Shrinking` leaves out of a plan what its violation does not
///   need. A `Plant` is a fault that runs have to find.
package final class Run {
  package let plan: Plan
  package let stage: Stage
  let services: Services
  private let plant: Plant
  private var nodes: [Node] = []
  private var workers: [Node] = []
  /// All processes that have begun, those that do not serve yet, too.
  private var everyone: [Node] = []
  private var sentinelsAreDown = false
  /// What the clients asked and were answered, in the order of the answers.
  package private(set) var history: [Exchange] = []
  /// Why the run did not come to its end; nil: it did.
  private(set) var obstacle: String?
  /// The moment from which on nothing was left to publish.
  private(set) var settled = 0
  private var clientsBusy = 0
  private var clientsAtBarrier: [CheckedContinuation<Void, Never>] = []
  private var waiter: CheckedContinuation<Void, Never>?

  private init(_ plan: Plan, plant: Plant, listener: ((String) -> Void)?) {
    self.plan = plan
    self.plant = plant
    stage = Stage(seed: plan.seed, odds: plan.odds, listener: listener)
    services = Services(on: stage)
  }

  /// Carries out a plan to its end.
  /// - Parameter listener: is told what happens, a line for each event.
  package static func of(
    _ plan: Plan, plant: Plant = .none, listener: ((String) -> Void)? = nil
  ) -> Run {
    let run = Run(plan, plant: plant, listener: listener)
    do throws(Simulator.Stuck) {
      try run.stage.run { await run.play() }
    } catch {
      run.obstacle = "the run does not end: \(error)"
    }
    return run
  }

  // MARK: The course of a run

  private func play() async {
    for number in 0..<Plan.nodes {
      nodes.append(await start("node-\(number)", clockError: plan.clockErrors[number]))
    }
    for number in 0..<Plan.workers {
      let worker = await start(
        "worker-\(number)", clockError: plan.clockErrors[Plan.nodes + number])
      worker.work()
      workers.append(worker)
    }
    // Until the cache is read.
    await stage.simulator.pause(for: .seconds(3))
    for incident in plan.incidents {
      stage.spawn {
        await self.stage.simulator.pause(for: .milliseconds(incident.at))
        await self.befall(incident.kind)
      }
    }
    if plan.leapAfter != nil { services.queue.holdBack() }
    let clients = Set(plan.requests.map(\.client)).sorted()
    clientsBusy = clients.count
    for client in clients { stage.spawn { await self.send(of: client) } }
    await untilQuiet()
    if plan.leapAfter != nil { await leap() }
    await mend()
    await settle()
    await readAll()
    for node in everyone where node.process.isAlive { end(node) }
    services.queue.wake()
  }

  private func start(_ name: String, clockError: Int) async -> Node {
    let process = Process(name, on: stage, clockError: .seconds(clockError))
    let node = Node(process, in: services, plant: plant)
    everyone.append(node)
    if sentinelsAreDown { node.cache.cutFromSentinels() }
    // A process begins to serve when all services answer, or after three seconds.
    for _ in 0..<30 {
      if node.cache.canBeUpdated { break }
      await stage.simulator.pause(for: .milliseconds(100))
    }
    while await !node.warmUp() { await stage.simulator.pause(for: .milliseconds(100)) }
    return node
  }

  private func end(_ node: Node) {
    node.process.die()
    services.queue.disconnect(node.process)
    services.database.wakeRepairers()
  }

  // MARK: Clients

  private func send(of client: Int) async {
    var seen: [String: Revision] = [:]
    var sent = 0
    for request in plan.requests where request.client == client {
      if sent == plan.leapAfter { await waitForLeap() }
      sent += 1
      await stage.simulator.pause(for: .milliseconds(request.pause))
      await ask(request, seen: &seen)
    }
    clientsBusy -= 1
    wakeIfQuiet()
  }

  private func ask(_ request: Plan.Request, seen: inout [String: Revision]) async {
    let node = nodes[request.node]
    guard node.process.isAlive else { return }
    stage.note("\(request.number): \(node.process.name), \(request.words)")
    let expected = seen[request.key] ?? .none
    let (began, beganAt) = (stage.nextMoment(), stage.databaseTime)
    var answer = await node.answer(request, expecting: expected)
    if !node.process.isAlive { answer = .vanished }
    if let revision = answer.revision { seen[request.key] = revision }
    stage.note("\(request.number): \(answer)")
    history.append(
      Exchange(
        request: request, expected: expected, began: began, beganAt: beganAt,
        ended: stage.nextMoment(), endedAt: stage.databaseTime, answer: answer))
  }

  private func untilQuiet() async {
    if isQuiet { return }
    await withCheckedContinuation { waiter = $0 }
  }

  private var isQuiet: Bool { clientsBusy == clientsAtBarrier.count }

  private func wakeIfQuiet() {
    if isQuiet {
      waiter?.resume()
      waiter = nil
    }
  }

  private func waitForLeap() async {
    await withCheckedContinuation { client in
      clientsAtBarrier.append(client)
      wakeIfQuiet()
    }
  }

  /// More than a day passes while nobody asks anything, and while messages wait.
  private func leap() async {
    stage.advanceDatabase(by: .seconds(90_000))
    stage.note("a day passes")
    for node in nodes + workers {
      while node.process.isAlive, await !node.warmUp() {}
    }
    for _ in 0..<3 { _ = try? await workers[0].store.purge() }
    services.queue.release()
    let clients = clientsAtBarrier
    clientsAtBarrier = []
    for client in clients { client.resume() }
    await untilQuiet()
  }

  // MARK: Incidents

  private func befall(_ kind: Plan.Incident.Kind) async {
    stage.note("incident: \(kind)")
    let simulator = stage.simulator
    switch kind {
    case .nodeDies(let number):
      if let new = await replacement(of: nodes[number]) { nodes[number] = new }
    case .workerDies(let number):
      guard let new = await replacement(of: workers[number]) else { return }
      new.work()
      workers[number] = new
    case .nodeIsCut(let number, let time): await cut(nodes[number], time)
    case .workerIsCut(let number, let time): await cut(workers[number], time)
    case .sentinelsAreDown(let time):
      sentinelsAreDown = true
      for node in everyone { node.cache.cutFromSentinels() }
      await simulator.pause(for: .milliseconds(time))
      sentinelsAreDown = false
      for node in everyone {
        stage.spawn {
          await simulator.pause(for: self.stage.chance.milliseconds(0...300))
          node.cache.mend()
        }
      }
    case .databaseIsDown(let time):
      services.database.isDown = true
      await simulator.pause(for: .milliseconds(time))
      services.database.isDown = false
    case .queueIsDown(let time):
      services.queue.isDown = true
      await simulator.pause(for: .milliseconds(time))
      services.queue.isDown = false
      services.queue.wake()
    case .feedIsDown(let time):
      services.feed.isDown = true
      await simulator.pause(for: .milliseconds(time))
      services.feed.isDown = false
    case .redisIsDown(let time):
      services.redis.isAway = true
      for node in everyone { node.cache.redisIsAway() }
      await simulator.pause(for: .milliseconds(time))
      services.redis.isAway = false
      for node in everyone { node.cache.reconnect() }
    case .redisRestarts: services.redis.master.restart()
    case .failover:
      services.redis.failOver()
      for node in everyone { stage.spawn { await node.cache.noticeFailover() } }
    }
  }

  private func cut(_ node: Node, _ time: Int) async {
    node.cache.cut()
    await stage.simulator.pause(for: .milliseconds(time))
    node.cache.mend()
  }

  /// Ends a node, and starts another one in its place. Nil: it has ended before.
  private func replacement(of old: Node) async -> Node? {
    guard old.process.isAlive else { return nil }
    end(old)
    await stage.simulator.pause(for: stage.chance.milliseconds(5...500))
    let seconds = Int(old.process.clockError.components.seconds)
    return await start(old.process.name + "'", clockError: seconds)
  }

  // MARK: The end

  private func mend() async {
    stage.calm()
    services.database.isDown = false
    services.queue.isDown = false
    services.feed.isDown = false
    services.redis.isAway = false
    sentinelsAreDown = false
    for node in everyone { node.cache.mend() }
    // Nodes that are being replaced start meanwhile.
    await stage.simulator.pause(for: .seconds(4))
  }

  /// Waits until the queue is empty and everything is published.
  private func settle() async {
    for _ in 0..<200 {
      services.queue.wake()
      await stage.simulator.pause(for: .milliseconds(500))
      let isSettled = services.queue.isEmpty && services.database.tables.outbox.isEmpty
      if isSettled {
        settled = stage.nextMoment()
        return
      }
    }
    obstacle = """
      it does not settle: \(services.queue.count) messages wait, outbox empty: \
      \(services.database.tables.outbox.isEmpty)
      """
  }

  /// Every key is read on every node, from the cache and from the database.
  private func readAll() async {
    var number = plan.requests.count
    var seen: [String: Revision] = [:]
    for key in Set(plan.requests.map(\.key)).sorted() {
      for node in nodes.indices {
        for action in [Plan.Action.read, .freshRead] {
          await ask(
            Plan.Request(
              number: number, client: -1, node: node, key: key, action: action, pause: 0),
            seen: &seen)
          number += 1
        }
      }
    }
  }
}

/// A request and its answer.
package struct Exchange {
  package let request: Plan.Request
  /// The revision that the client had seen last.
  let expected: Revision
  /// When it began and ended, in moments and by the database's clock.
  let began: Int
  let beganAt: Timestamp
  let ended: Int
  let endedAt: Timestamp
  package let answer: Answer
}

/// What a client got.
package enum Answer: CustomStringConvertible {
  case read(Reading)
  case decided(WriteReceipt)
  case queued(OperationID)
  case executed(BatchReceipt)
  case failed(StoreError)
  /// Nothing: the node died.
  case vanished

  /// The revision that it tells.
  var revision: Revision? {
    switch self {
    case .read(let reading): reading.entry?.metadata.revision
    case .decided(let receipt): receipt.outcome.revision
    default: nil
    }
  }

  package var description: String {
    switch self {
    case .read(let reading):
      reading.entry.map {
        "\($0.metadata.revision.number) \(String(decoding: $0.value, as: UTF8.self)), "
          + "from \(reading.source)"
      } ?? "nothing, from \(reading.source)"
    case .decided(let receipt):
      "\(receipt.outcome.word)\(receipt.isReplayed ? ", replayed" : "")"
    case .queued(let id): "queued as \(id.text)"
    case .executed(let receipt): "\(receipt.outcome)"
    case .failed(let error): "failed: \(error)"
    case .vanished: "the node died"
    }
  }
}

extension WriteOutcome {
  var revision: Revision? {
    switch self {
    case .stored(let metadata), .added(let metadata, _): metadata.revision
    case .deleted(let revision): revision
    default: nil
    }
  }

  var word: String {
    switch self {
    case .stored(let metadata): "stored \(metadata.revision.number)"
    case .added(let metadata, let sum): "added \(metadata.revision.number): \(sum)"
    case .deleted(let revision): "deleted \(revision.number)"
    default: "\(self)"
    }
  }
}
