internal import KeyValueStore

/// What a process knows of the master from the Sentinels: see `RedisMaster`.
struct KnownMaster {
  private let redis: SimulatedRedis
  /// The number of the reign that a majority has named last.
  private(set) var reign: Int
  /// From then on no process trusts the master before it.
  private(set) var votesExpire: Duration
  /// Whether no Sentinel answers.
  private(set) var isCut = false
  /// When each reign becomes known here, if the Sentinels answer.
  private var known: [Duration]
  private var lastContact: Duration

  /// How long a vote for a master counts.
  static let voteLifetime = Duration.seconds(1)

  private var now: Duration { redis.stage.simulator.elapsed }

  /// What a process knows that has just begun.
  init(of redis: SimulatedRedis) {
    self.redis = redis
    let now = redis.stage.simulator.elapsed
    known = redis.reigns.map { _ in now }
    reign = known.count - 1
    lastContact = now
    // It is not known who else trusts a master before this one.
    votesExpire = now + Self.voteLifetime
  }

  /// Takes notice of a change of master. Returns whether there was one.
  mutating func follow() -> Bool {
    hear()
    if isCut { return false }
    lastContact = now
    let before = reign
    while reign + 1 < known.count, known[reign + 1] <= now {
      reign += 1
      votesExpire = max(votesExpire, known[reign] + Self.voteLifetime)
    }
    return reign != before
  }

  private mutating func hear() {
    while known.count < redis.reigns.count {
      let delay = redis.stage.chance.milliseconds(5...250)
      known.append(redis.reigns[known.count].since + delay)
    }
  }

  /// When the last reign becomes known here.
  var noticedNext: Duration {
    mutating get {
      hear()
      return known[known.count - 1]
    }
  }

  /// Until when the votes for the master count that were heard so far.
  var certainUntil: Duration {
    // From the change of master on, no Sentinel votes for the previous one.
    let end = reign + 1 < redis.reigns.count ? redis.reigns[reign + 1].since : lastContact
    return min(lastContact, end) + Self.voteLifetime
  }

  /// Whether they count now.
  var isCertain: Bool { now < certainUntil }

  /// The Sentinels do not answer any more.
  mutating func lose() {
    _ = follow()
    isCut = true
  }

  /// They answer again.
  mutating func regain() {
    isCut = false
    lastContact = now
    for place in known.indices where known[place] > lastContact || place > reign {
      known[place] = now + redis.stage.chance.milliseconds(0...200)
    }
  }
}
