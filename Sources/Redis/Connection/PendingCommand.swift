internal import KeyValueStore

/// A command whose reply has not come.
struct PendingCommand {
  /// Who waits for the reply.
  enum Waiter {
    /// A look-up, which wants the reply decoded without a copy.
    case lookup(Key, UnsafeContinuation<StoredState, Never>)
    /// Several look-ups, whose replies come as one array.
    case lookups([(key: Key, continuation: UnsafeContinuation<StoredState, Never>)])
    /// One of several updates.
    case update(UpdateBatch)
    /// Somebody who wants a copy of the reply; nil: there is none.
    case reply(UnsafeContinuation<RedisReply?, Never>)
    /// Nobody: it only has to come.
    case nobody
  }

  let waiter: Waiter
  /// When it is too late.
  var deadline: Uptime
  /// Bytes of the command.
  let count: Int
}
