extension Plan {
  /// A plan that the seed decides.
  package init(seed: UInt64) {
    self.seed = seed
    let chance = Chance(seed: seed &* 0x9E37_79B9_7F4A_7C15 ^ 0xB1A5)
    odds = .none
    odds.travelMost = chance.pick([1_000, 4_000, 16_000])
    odds.earlyTimers = chance.oneIn(2) ? 16 : 0
    clockErrors = (0..<Plan.nodes + Plan.workers).map { _ in
      chance.oneIn(2) ? 0 : chance.number(in: -10_000...10_000)
    }
    leapAfter = chance.oneIn(8) ? chance.number(in: 2...5) : nil
    incidents = []
    let isCacheAtRisk = chance.oneIn(2)
    requests =
      isCacheAtRisk && leapAfter == nil && chance.oneIn(2)
      ? Plan.observedRequests(chance)
      : Plan.requests(chance, isLeaping: leapAfter != nil)
    if isCacheAtRisk { drawCache(chance) }
    if !hasCuts, chance.oneIn(2) { drawDatabase(chance) }
    if chance.oneIn(2) { drawMessages(chance) }
    if chance.oneIn(3) { drawDeaths(chance) }
    incidents.sort { $0.at < $1.at }
  }

  private var hasCuts: Bool {
    incidents.contains {
      switch $0.kind {
      case .nodeIsCut, .workerIsCut, .redisIsDown, .sentinelsAreDown: true
      default: false
      }
    }
  }

  private static func someOdds(_ chance: Chance) -> Int { chance.pick([0, 3, 6, 12, 25]) }

  private mutating func drawDatabase(_ chance: Chance) {
    odds.refusals = Plan.someOdds(chance)
    odds.locks = Plan.someOdds(chance)
    odds.lostRequests = Plan.someOdds(chance)
    odds.lostReplies = Plan.someOdds(chance)
    odds.delays = Plan.someOdds(chance)
    if chance.oneIn(4) { add(.databaseIsDown(chance.number(in: 10...3_000)), chance) }
  }

  private mutating func drawCache(_ chance: Chance) {
    if chance.oneIn(2) {
      odds.lostUpdates = Plan.someOdds(chance)
      odds.evictions = chance.pick([0, 2, 4, 12])
    }
    if chance.oneIn(2) { add(.failover, chance) }
    if chance.oneIn(6) { add(.failover, chance) }
    if chance.oneIn(6) { add(.redisRestarts, chance) }
    let time = chance.number(in: 10...chance.pick([3_000, 6_000]))
    switch chance.number(below: 8) {
    case 0: add(.nodeIsCut(chance.number(below: Plan.nodes), time), chance)
    case 1: add(.workerIsCut(chance.number(below: Plan.workers), time), chance)
    case 2, 3: add(.redisIsDown(time), chance)
    case 4: add(.sentinelsAreDown(time), chance)
    default: break
    }
  }

  private mutating func drawMessages(_ chance: Chance) {
    odds.refusedMessages = Plan.someOdds(chance)
    odds.lostConfirms = Plan.someOdds(chance)
    odds.duplicates = Plan.someOdds(chance)
    odds.lateDeliveries = Plan.someOdds(chance)
    if chance.oneIn(4) { add(.queueIsDown(chance.number(in: 10...3_000)), chance) }
    if chance.oneIn(4) { add(.feedIsDown(chance.number(in: 10...3_000)), chance) }
  }

  private mutating func drawDeaths(_ chance: Chance) {
    for _ in 0..<chance.number(in: 1...3) {
      if hasCuts || chance.oneIn(2) {
        add(.nodeDies(chance.number(below: Plan.nodes)), chance)
      } else {
        add(.workerDies(chance.number(below: Plan.workers)), chance)
      }
    }
  }

  private mutating func add(_ kind: Incident.Kind, _ chance: Chance) {
    incidents.append(
      Incident(at: chance.number(in: 0...chance.pick([20, 200, 2_000])), kind: kind))
  }

  // MARK: Requests

  private static func requests(_ chance: Chance, isLeaping: Bool) -> [Request] {
    let keys = Array(["a", "b", "c"].prefix(chance.number(in: 1...3)))
    let clients = chance.number(in: 2...4)
    var named: [(first: Int, key: String)] = []
    return (0..<chance.number(in: 8...32)).map { number in
      var key = chance.pick(keys)
      let action: Action
      // What is late by a day is a write that waits, or a key that was deleted.
      let kind = isLeaping && chance.oneIn(3) ? chance.pick([12, 16]) : chance.number(below: 24)
      switch kind {
      case 0..<6: action = .read
      case 6..<8: action = .freshRead
      case 8..<12: action = .put(timeToLive: chance.oneIn(6) ? Int64(chance.pick([1, 2])) : nil)
      case 12: action = .delete
      case 13: action = .putIfAbsent
      case 14: action = .putIfUnchanged
      case 15: (action, key) = (.add(Int64(chance.number(in: 1...5))), "counter")
      case 16..<19:
        action = .queuedPut
        if chance.oneIn(12) { key = "refused" }
      case 19: action = .queuedDelete
      case 20: action = .batch(other: chance.pick(keys))
      default:
        if let again = named.isEmpty || chance.oneIn(2) ? nil : chance.pick(named) {
          (action, key) = (
            .named(first: again.first, permissions: chance.oneIn(4) ? 2 : 1), again.key
          )
        } else {
          named.append((number, key))
          action = .named(first: number, permissions: 1)
        }
      }
      return Request(
        number: number, client: chance.number(below: clients), node: chance.number(below: nodes),
        key: key, action: action, pause: pause(chance))
    }
  }

  private static func pause(_ chance: Chance) -> Int {
    chance.pick([0, 0, 1, 5, 20, chance.number(in: 0...1_500)])
  }

  /// A few writes of one key, and a client that reads it all the time: what is wrong in the cache
  /// for a moment is seen.
  private static func observedRequests(_ chance: Chance) -> [Request] {
    let latest = chance.pick([0, 20, 250, 1_500])
    let writes = (0..<chance.number(in: 2...12)).map { number in
      Request(
        number: number, client: chance.number(below: 3), node: chance.number(below: nodes),
        key: "a", action: chance.oneIn(6) ? .delete : .put(timeToLive: nil),
        pause: chance.number(in: 0...latest))
    }
    let longest = chance.pick([5, 100, 300])
    let reads = (0..<chance.number(in: 10...40)).map { place in
      Request(
        number: writes.count + place, client: 3, node: chance.number(below: nodes), key: "a",
        action: .read, pause: chance.number(in: 0...longest))
    }
    return writes + reads
  }
}
