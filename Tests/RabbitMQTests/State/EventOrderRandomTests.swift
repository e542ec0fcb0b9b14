import KeyValueStore
import TestSupport
import Testing

@testable import RabbitMQ

/// Random histories of a few keys, published by several processes, as a watcher gets them.
@Suite("Changes of random histories go out in order, and none is missing")
struct EventOrderRandomTests {
  @Test("While publishers differ by less than the skew, every key is in order")
  func skew() {
    for _ in 0..<50 { check(crashes: false) }
  }

  @Test("What a crashed process left comes seconds later, and is waited for")
  func crashes() {
    for _ in 0..<50 { check(crashes: true) }
  }

  private func check(crashes: Bool) {
    let seed = UInt64.random(in: 0...(.max))
    var random = SeededGenerator(seed: seed)
    let history = RandomHistory(crashes: crashes, using: &random)
    let arrivals = history.published(using: &random)
    var watcher = StreamReader(after: FeedPosition(offset: 0, index: 0))
    watcher.read(arrivals)
    let comment = Comment(rawValue: "seed \(seed), crashes: \(crashes)")
    #expect(watcher.seen == history.all, comment)
    #expect(watcher.positionsRunBackwards == false, comment)
    #expect(watcher.outOfOrder == [], comment)

    // A watcher that resumes at any position misses nothing. It reads faster than changes are made.
    let count = Int.random(in: 0..<watcher.events.count, using: &random)
    let place = watcher.events[count].position
    var resumed = StreamReader(after: place, having: watcher.events[...count].map(\.change))
    let speed = Double.random(in: 1...1_000, using: &random)
    resumed.read(arrivals.filter { $0.place > place }, speed: speed)
    #expect(resumed.seen == history.all, comment)
    #expect(resumed.positionsRunBackwards == false, comment)
    if !crashes { #expect(resumed.outOfOrder == [], comment) }
  }
}

/// A change, and when it arrives.
private struct Arrival {
  var place = FeedPosition(offset: 0, index: 0)
  let change: Change
  /// In microseconds.
  let time: Int64
}

/// What a watcher gets.
private struct StreamReader {
  private(set) var events: [FeedEvent] = []
  private(set) var positionsRunBackwards = false
  private var order: EventOrder
  private var had: [Change]
  private let start = ContinuousClock.now

  init(after position: FeedPosition, having had: [Change] = []) {
    order = EventOrder(
      after: position, skewMax: .milliseconds(50), latenessMax: .seconds(15), at: start,
      bounds: .following)
    self.had = had
  }

  mutating func read(_ arrivals: [Arrival], speed: Double = 1) {
    var position = order.position
    for arrival in arrivals {
      let now = start + .microseconds(Int64(Double(arrival.time) / speed))
      while let deadline = order.deadline, deadline < now {
        order.release(at: deadline, into: &events)
      }
      order.receive(arrival.change, at: arrival.place, now, into: &events)
    }
    while let deadline = order.deadline { order.release(at: deadline, into: &events) }
    for event in events {
      if event.position < position { positionsRunBackwards = true }
      position = event.position
    }
    if order.isHolding || order.position != arrivals.last?.place ?? position {
      positionsRunBackwards = true
    }
  }

  private var changes: [Change] { had + events.map(\.change) }

  var seen: Set<ChangeName> { Set(changes.map(ChangeName.init)) }

  /// The keys of changes that came for the first time after a newer one.
  var outOfOrder: Set<Key> {
    var newest: [Key: Revision] = [:]
    var seen: Set<ChangeName> = []
    var found: Set<Key> = []
    for change in changes where seen.insert(ChangeName(change)).inserted {
      if let other = newest[change.key], change.revision < other { found.insert(change.key) }
      newest[change.key] = max(newest[change.key] ?? .none, change.revision)
    }
    return found
  }
}

private struct ChangeName: Hashable {
  let key: Key
  let revision: Revision

  init(_ change: Change) { (key, revision) = (change.key, change.revision) }
}

/// The commits of a few keys, and how several processes publish them.
private struct RandomHistory {
  private struct Commit {
    let change: Change
    let time: Int64
    let publisher: Int
    let isCrash: Bool
  }

  private var commits: [Commit] = []
  private var states: [Key: KeyState] = [:]

  private static let skew: Int64 = 45_000

  init(crashes: Bool, using random: inout SeededGenerator) {
    var time: Int64 = 1_000_000
    let keysCount = Int.random(in: 1...6, using: &random)
    let pause = Int64.random(in: 100...40_000, using: &random)
    for number in 0..<keysCount {
      add("\(number)", at: time + Int64(number), 0, false, using: &random)
    }
    time += 1_000_000
    for _ in 0..<400 {
      time += Int64.random(in: 0...pause, using: &random)
      add(
        "\(Int.random(in: 0..<keysCount, using: &random))", at: time,
        Int.random(in: 0..<3, using: &random),
        crashes && Int.random(in: 0..<20, using: &random) == 0, using: &random)
    }
  }

  var all: Set<ChangeName> { Set(commits.map { ChangeName($0.change) }) }

  private mutating func add(
    _ name: String, at microseconds: Int64, _ publisher: Int, _ isCrash: Bool,
    using random: inout SeededGenerator
  ) {
    let now = Timestamp(microseconds: microseconds)
    let key = Key(name)
    var state = states[key] ?? KeyState(key: key)
    var change: Change?
    switch Int.random(in: 0..<10, using: &random) {
    case 0, 1: change = state.make(.delete(name), at: now).change(of: key)
    case 2, 3: change = state.expire(at: now)
    case 4: change = state.make(.put(name, timeToLive: 1), at: now).change(of: key)
    default: change = state.make(.put(name), at: now).change(of: key)
    }
    states[key] = state
    guard let change else { return }
    commits.append(
      Commit(change: change, time: microseconds, publisher: publisher, isCrash: isCrash))
  }

  /// What the stream gets. Some changes are published twice.
  func published(using random: inout SeededGenerator) -> [Arrival] {
    var arrivals: [Arrival] = []
    var last: [Int: Int64] = [:]
    for commit in commits {
      var time = commit.time + Int64.random(in: 0...Self.skew, using: &random)
      if commit.isCrash {
        time = commit.time + Int64.random(in: 2_000_000...5_000_000, using: &random)
      } else {
        // A process publishes in the order of its commits.
        time = max(time, last[commit.publisher] ?? 0)
        last[commit.publisher] = time
      }
      arrivals.append(Arrival(change: commit.change, time: time))
      if Int.random(in: 0..<10, using: &random) == 0 {
        let again = time + Int64.random(in: 0...10_000_000, using: &random)
        arrivals.append(Arrival(change: commit.change, time: again))
      }
    }
    let sorted = arrivals.enumerated().sorted {
      ($0.element.time, $0.offset) < ($1.element.time, $1.offset)
    }
    arrivals = sorted.map(\.element)
    for index in arrivals.indices {
      arrivals[index].place = FeedPosition(offset: Int64(index / 3) + 1, index: index % 3)
    }
    return arrivals
  }
}
