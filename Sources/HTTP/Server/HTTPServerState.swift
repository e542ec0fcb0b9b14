internal import Synchronization

/// What the servers of all loops share: counters against the common bounds, and whether they drain.
public final class HTTPServerState: Sendable {
  private let connections = Atomic<Int>(0)
  private let bodyBytes = Atomic<Int>(0)
  private let answerBytes = Atomic<Int>(0)
  private let draining = Atomic<Bool>(false)

  /// Nothing open, not draining.
  public init() {}

  /// Connections that are open now.
  public var connectionsOpen: Int { connections.load(ordering: .relaxed) }

  /// Bytes of request bodies that are in memory now.
  public var bodyBytesHeld: Int { bodyBytes.load(ordering: .relaxed) }

  /// Bytes of answers in memory: being made or sent, or waiting for their clients to read.
  public var answerBytesHeld: Int { answerBytes.load(ordering: .relaxed) }

  /// Whether the process is on its way out: answers close their connections, readiness is 503.
  public var isDraining: Bool { draining.load(ordering: .relaxed) }

  /// Starts to drain; there is no way back.
  public func startDraining() { draining.store(true, ordering: .relaxed) }

  /// False: the bound is reached, and nothing was taken.
  func takeConnection(max: Int) -> Bool { take(1, from: connections, max: max) }

  func returnConnection() { connections.subtract(1, ordering: .relaxed) }

  /// False: the bound is reached, and nothing was taken.
  func takeBodyBytes(_ count: Int, max: Int) -> Bool { take(count, from: bodyBytes, max: max) }

  func returnBodyBytes(_ count: Int) { bodyBytes.subtract(count, ordering: .relaxed) }

  /// Takes room for an answer before it is made. False: there is none, and nothing was taken. What
  /// nothing else is in the way of always fits.
  public func takeAnswerRoom(_ count: Int, max: Int) -> Bool {
    takeAnswerBytes(count, max: Swift.max(count, max))
  }

  /// Gives room back that no answer came of.
  public func returnAnswerRoom(_ count: Int) { returnAnswerBytes(count) }

  /// False: the bound is reached, and nothing was taken.
  func takeAnswerBytes(_ count: Int, max: Int) -> Bool { take(count, from: answerBytes, max: max) }

  /// Takes what is there already.
  func addAnswerBytes(_ count: Int) { answerBytes.add(count, ordering: .relaxed) }

  func returnAnswerBytes(_ count: Int) { answerBytes.subtract(count, ordering: .relaxed) }

  private func take(_ count: Int, from counter: borrowing Atomic<Int>, max: Int) -> Bool {
    let (_, taken) = counter.add(count, ordering: .relaxed)
    if taken <= max { return true }
    counter.subtract(count, ordering: .relaxed)
    return false
  }
}
