internal import Basics
public import EventLoop
public import Logging

/// Keeps a `RedisMaster` up to date by asking all its Sentinels ten times a second. One for each
/// process, on one of its loops.
public actor SentinelWatch {
  public nonisolated let loop: EventLoop
  public nonisolated var unownedExecutor: UnownedSerialExecutor { loop.unownedExecutor }

  private let master: RedisMaster
  private let sentinels: [HostAndPort]
  private let name: String
  private let password: String?
  private let logger: Logger
  private var votes: SentinelVotes
  /// Why each Sentinel does not answer; nil: it does.
  private var causes: [String?]

  /// A watch that works while `run()` runs.
  public init(
    _ configuration: RedisConfiguration, master: RedisMaster, loop: EventLoop, logger: Logger
  ) {
    self.master = master
    self.loop = loop
    self.logger = logger
    password = configuration.sentinelPassword
    switch configuration.source {
    case .sentinels(let addresses, let name):
      sentinels = addresses
      self.name = name
    case .server:
      sentinels = []
      name = ""
    }
    votes = SentinelVotes(count: sentinels.count)
    causes = Array(repeating: nil, count: sentinels.count)
  }

  /// How many Sentinels there are; 0: Redis has a fixed address.
  public nonisolated var sentinelCount: Int { sentinels.count }

  /// How many of them have named a master within the last second.
  public var answering: Int { votes.answering(at: .now()) }

  /// Asks until the task is cancelled. Returns at once when there are no Sentinels. Start it with
  /// the loop's executor as its preference.
  public func run() async {
    await withTaskGroup(of: Void.self) { group in
      for (index, address) in sentinels.enumerated() {
        let link = SentinelLink(address, password: password, master: name, loop: loop) {
          [weak self] in await self?.record($0, from: index)
        }
        group.addTask { await link.run() }
      }
      await group.waitForAll()
    }
  }

  private func record(_ result: Result<SentinelAnswer, SentinelFailure>, from index: Int) {
    switch result {
    case .failure(let failure):
      if causes[index] == failure.cause { return }
      causes[index] = failure.cause
      logger.warning(
        "A Sentinel does not answer",
        metadata: ["sentinel": "\(sentinels[index])", "cause": "\(failure.cause)"])
    case .success(let answer):
      if causes[index] != nil {
        causes[index] = nil
        logger.notice(
          "A Sentinel answers again", metadata: ["sentinel": "\(sentinels[index])"])
      }
      votes.record(answer, from: index)
      guard let (view, until) = votes.decide(at: .now()) else { return }
      if master.confirm(view, until: until) {
        logger.notice(
          "The Sentinels agree on a master",
          metadata: ["redis": "\(view.address)", "epoch": "\(view.epoch)"])
      }
    }
  }
}

/// What a Sentinel said of the master.
struct SentinelAnswer: Equatable, Sendable {
  /// The Redis that it takes for the master.
  let view: MasterView
  /// When it was asked.
  let askedAt: MonotonicTime

  init(view: MasterView, askedAt: MonotonicTime) {
    self.view = view
    self.askedAt = askedAt
  }

  /// Reads the reply to `SENTINEL MASTER name`: names and values in turn.
  init?(_ reply: RedisReply, askedAt: MonotonicTime) {
    let words = reply.elements
    var fields: [String: String] = [:]
    for index in stride(from: 0, to: words.count - 1, by: 2) {
      guard let name = words[index].text, let value = words[index + 1].text else { return nil }
      fields[name] = value
    }
    guard let host = fields["ip"], HostLookup.isNumeric(host),
      let port = fields["port"].flatMap({ UInt16($0) }), port > 0,
      let epoch = fields["config-epoch"].flatMap({ Int64($0) })
    else { return nil }
    self.init(
      view: MasterView(address: HostAndPort(host: host, port: port), epoch: epoch),
      askedAt: askedAt)
  }
}

/// Counts the votes of the Sentinels. Pure: no clock, no connection.
struct SentinelVotes {
  /// How long an answer counts.
  static let lifetime = Duration.seconds(1)

  private var answers: [SentinelAnswer?]

  /// Votes of `count` Sentinels, none of which has answered yet.
  init(count: Int) { answers = Array(repeating: nil, count: count) }

  /// How many must agree.
  var majority: Int { answers.count / 2 + 1 }

  /// Replaces the last answer of Sentinel `index`.
  mutating func record(_ answer: SentinelAnswer, from index: Int) { answers[index] = answer }

  /// How many Sentinels have an answer that still counts, whatever it says.
  func answering(at now: MonotonicTime) -> Int { counting(at: now).count }

  /// The master that a majority agrees on, and until when that counts: a lifetime from the oldest
  /// question that the majority needs. Nil: there is no such majority now.
  func decide(at now: MonotonicTime) -> (view: MasterView, until: MonotonicTime)? {
    let current = counting(at: now)
    for candidate in current {
      let agreeing = current.filter { $0.view == candidate.view }.map(\.askedAt).sorted(by: >)
      if agreeing.count >= majority {
        return (candidate.view, agreeing[majority - 1].adding(Self.lifetime))
      }
    }
    return nil
  }

  private func counting(at now: MonotonicTime) -> [SentinelAnswer] {
    answers.compactMap { $0 }.filter { now < $0.askedAt.adding(Self.lifetime) }
  }
}
