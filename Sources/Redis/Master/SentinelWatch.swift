public import EventLoop
public import Logging

/// Keeps a `RedisMaster` up to date by asking all its Sentinels ten times a second. One for each
/// process, on one of its loops.
public actor SentinelWatch {
  /// Where it lives.
  public nonisolated let loop: EventLoop
  /// The loop's executor.
  public nonisolated var unownedExecutor: UnownedSerialExecutor { loop.unownedExecutor }

  private let master: RedisMaster
  private let sentinels: [HostAndPort]
  private let name: String
  private let password: String?
  private let logger: Logger
  private var votes: SentinelVotes
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

  /// How many of them have said within the last second which Redis is the master.
  public var answering: Int { votes.answering(at: Uptime.now()) }

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
      guard let (view, until) = votes.decide(at: Uptime.now()) else { return }
      if master.confirm(view, until: until) {
        logger.notice(
          "The Sentinels agree on a master",
          metadata: ["redis": "\(view.address)", "epoch": "\(view.epoch)"])
      }
    }
  }
}
