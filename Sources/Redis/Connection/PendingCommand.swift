internal import Basics
internal import DequeModule
internal import KeyValueStore

/// A command whose reply has not come yet.
struct PendingCommand {
  /// What waits for the reply.
  enum Waiter {
    /// The read of a key, which decodes the reply without a copy.
    case read(Key, UnsafeContinuation<StoredState, Never>)
    /// Several of them, whose replies come as one array.
    case reads([(key: Key, continuation: UnsafeContinuation<StoredState, Never>)])
    /// The read of several keys by one reader.
    case readAll([Key], UnsafeContinuation<[StoredState], Never>)
    /// A command of several updates.
    case update(UpdateBatch)
    /// A task that wants a copy of the reply; nil: there is none.
    case reply(UnsafeContinuation<RedisReply?, Never>)
    /// Nothing, but an error still closes the connection.
    case unawaited
  }

  let waiter: Waiter
  var deadline: MonotonicTime
  /// Bytes of the command.
  let count: Int
}

/// The commands whose replies have not come yet, oldest first: Redis replies in their order.
struct PendingCommands {
  private var commands = Deque<PendingCommand>()
  /// Bytes of all of them.
  private(set) var bytes = 0

  var count: Int { commands.count }
  var first: PendingCommand? { commands.first }

  mutating func append(_ command: PendingCommand) {
    commands.append(command)
    bytes += command.count
  }

  mutating func popFirst() -> PendingCommand? {
    guard let command = commands.popFirst() else { return nil }
    bytes -= command.count
    return command
  }

  /// Takes the newest back.
  mutating func removeLast() { bytes -= commands.removeLast().count }

  /// Gives the newest commands more time.
  mutating func postpone(newest: Int, by duration: Duration) {
    for index in commands.indices.suffix(newest) {
      commands[index].deadline = commands[index].deadline.adding(duration)
    }
  }
}

/// Several updates on their way. The task that sent them resumes once, when the last is answered.
///
/// Not Sendable: it belongs to the loop of its connection.
final class UpdateBatch {
  /// What became of the updates.
  enum Outcome: Sendable {
    /// Redis has all of them, or something newer.
    case kept
    /// Redis has forgotten the script; some updates may have been made.
    case scriptMissing
    /// Some updates may not have been made.
    case failed
  }

  private var remaining = 1
  private var outcome = Outcome.kept
  private let continuation: UnsafeContinuation<Outcome, Never>

  /// Waits for one `finishOne` more than there were calls of `expectReply`: the sender's, after it
  /// has sent all commands.
  init(_ continuation: UnsafeContinuation<Outcome, Never>) { self.continuation = continuation }

  func expectReply() { remaining += 1 }

  /// One reply has come, or will never come.
  func finishOne(_ result: Outcome) {
    switch (outcome, result) {
    case (_, .kept), (.failed, _): break
    case (_, .failed), (_, .scriptMissing): outcome = result
    }
    remaining -= 1
    if remaining == 0 { continuation.resume(returning: outcome) }
  }
}
