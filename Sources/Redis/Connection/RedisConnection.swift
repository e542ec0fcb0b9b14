internal import CRedis
internal import EventLoop
internal import KeyValueStore

/// A connection to a Redis or a Sentinel: hiredis' asynchronous API on an event loop.
///
/// All commands of a turn go out in one write. Replies come in the order of the commands, so who
/// waits for them stands in a queue, and one timer watches the oldest.
///
/// Not Sendable: it belongs to an actor on the loop. It must be closed by its owner. Hiredis keeps
/// an unretained pointer to it, from `connect` until its `cleanup` hook, which comes before it
/// frees the context and at the latest in `close()`.
final class RedisConnection: TurnEnding {
  /// How long a command may take from now on, besides the time that those before it need.
  var deadline: Duration
  /// Commands and bytes that may wait; past them a command fails at once.
  var pendingCommandsMax = 16_384
  var pendingBytesMax = 32 << 20
  /// Why it has ended; nil: it has not.
  private(set) var failure: ConnectionFailure?
  /// When the last reply came, to about a turn.
  private(set) var lastReply = Uptime.distantPast

  /// Whether Redis has said that it knows a script no more. Whoever loads it again resets this.
  var isMissingScripts = false

  /// Called when a message of a channel arrives; set before SUBSCRIBE is sent.
  var messageArrived: (() -> Void)?

  /// Called at the end of a turn in which there was something to `gather`: sends it with the rest.
  var sendGathered: (() -> Void)?
  private var isGathering = false

  private let loop: EventLoop
  private var context: UnsafeMutablePointer<redisAsyncContext>?
  private var socket: Socket?
  private var pending = PendingCommands()
  private var decoder = EntryDecoder()
  private var watchdog: LoopTimer?
  private var watchdogDue = Uptime.distantFuture
  private var writeRetry: LoopTimer?
  /// When this turn began, as far as this connection knows.
  private var turn = Uptime.distantPast
  /// Commands of this turn.
  private var unwritten = 0
  private var output = Output.clean

  /// What is known of hiredis' output buffer.
  private enum Output {
    /// Empty, or nobody need know.
    case clean
    /// Has commands that the end of the turn writes.
    case dirty
    /// Is being written.
    case flushing
    /// The socket took a part only.
    case blocked
  }

  /// A connection on `loop` to be; call it on the loop's thread.
  init(on loop: EventLoop, deadline: Duration) {
    self.loop = loop
    self.deadline = deadline
    watchdog = LoopTimer(on: loop) { [unowned self] in checkDeadline() }
    writeRetry = LoopTimer(on: loop) { [unowned self] in retryWrite() }
  }

  deinit { precondition(context == nil, "a connection must be closed by its owner") }

  var isOpen: Bool { context != nil && failure == nil }

  /// Commands that wait for their reply.
  var pendingCount: Int { pending.count }

  /// Now, read once a turn while commands are sent.
  var now: Uptime {
    if output == .dirty { return turn }
    return Uptime.now()
  }

  /// Ends the connection; everybody who waits is told that there is no reply.
  func close(_ reason: ConnectionFailure = .closed) {
    if failure == nil { failure = reason }
    // Calls all callbacks without a reply, then `cleanup`. Inside a callback hiredis puts that off
    // until the callback has returned.
    if let context { redisAsyncFree(context) }
  }
}

// MARK: - Connecting and reading

extension RedisConnection {
  /// Connects to an IP address and waits until the connection is made. False: `failure` says why.
  func connect(to address: HostAndPort) async -> Bool {
    // Never blocks: the address is numeric. The connection is made when the socket is writable.
    guard let context = redisAsyncConnect(address.host, Int32(address.port)) else {
      failure = .broken("out of memory")
      return false
    }
    guard context.pointee.err == 0 else {
      failure = .broken(String(cString: context.pointee.errstr))
      redisAsyncFree(context)
      return false
    }
    do {
      socket = try Socket(watching: context.pointee.c.fd, on: loop)
    } catch {
      failure = .broken("\(error)")
      redisAsyncFree(context)
      return false
    }
    attach(context)
    let limit = LoopTimer(on: loop) { [unowned self] in close(.timedOut) }
    limit.set(after: deadline)
    defer { limit.cancel() }
    // The first call consumes the assumption that sockets are writable.
    _ = await socket?.writable()
    _ = await socket?.writable()
    // Finds out whether the connection was made, and frees the context if not.
    if let context = self.context { redisAsyncHandleWrite(context) }
    if !isOpen { closeSocket() }
    return isOpen
  }

  /// Hands arriving replies to those who wait for them, until the connection has ended.
  func readUntilClosed() async {
    while let socket, context != nil {
      guard await socket.readable() == .ready else { continue }
      turn = Uptime.now()
      if let context { redisAsyncHandleRead(context) }
    }
    closeSocket()
  }

  private func closeSocket() {
    socket?.close()
    socket = nil
  }

  private func attach(_ context: UnsafeMutablePointer<redisAsyncContext>) {
    self.context = context
    context.pointee.ev.data = Unmanaged.passUnretained(self).toOpaque()
    context.pointee.ev.addWrite = { data in
      RedisConnection.lent(data) { $0.noteOutput() }
    }
    context.pointee.ev.cleanup = { data in
      RedisConnection.lent(data) { $0.noteCleanup() }
    }
  }

  private static func lent(
    _ data: UnsafeMutableRawPointer?, _ body: (RedisConnection) -> Void
  ) {
    guard let data else { return }
    Unmanaged<RedisConnection>.fromOpaque(data)._withUnsafeGuaranteedRef(body)
  }

  /// Hiredis' description of what went wrong, a C array of bytes inside the context.
  private static func words(of context: UnsafeMutablePointer<redisAsyncContext>) -> String {
    withUnsafeBytes(of: &context.pointee.c.errstr) { bytes in
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
  }

  /// Hiredis is about to free the context.
  private func noteCleanup() {
    if failure == nil {
      let words = context.map { Self.words(of: $0) } ?? ""
      failure = .broken(words.isEmpty ? "closed by the server" : words)
    }
    context = nil
    watchdog?.cancel()
    writeRetry?.cancel()
    // Whoever waits for the socket finds that the context is gone.
    socket?.interrupt()
  }
}

// MARK: - Commands

extension RedisConnection {
  /// Sends a command and returns a copy of its reply; nil: the connection is gone.
  func call(_ command: [UInt8]) async -> RedisReply? {
    await withUnsafeContinuation { send(command, .reply($0)) }
  }

  /// Sends a command of these words.
  func call(_ words: String...) async -> RedisReply? {
    await call(CommandBuffer.command(words))
  }

  /// Sends a command; `waiter` is told of its reply, at once if it can't be sent.
  ///
  /// Behind SUBSCRIBE hiredis looks for further channels up to a NUL (async.c, nextArgument): such
  /// a command has one at its end, which `isTerminated` keeps from being sent.
  func send(
    _ command: [UInt8], isTerminated: Bool = false, _ waiter: PendingCommand.Waiter
  ) {
    guard let context, pending.count < pendingCommandsMax,
      pending.bytes + command.count <= pendingBytesMax
    else { return answer(waiter, nil) }
    if output != .dirty { turn = Uptime.now() }
    // A Redis that hangs answers nothing; one that has been sent megabytes needs a moment for them.
    let backlog = Duration.milliseconds((pending.bytes + command.count) / bytesPerMillisecond)
    let due = turn.adding(deadline + backlog)
    pending.append(PendingCommand(waiter: waiter, deadline: due, count: command.count))
    let status = command.withUnsafeBytes { bytes in
      redisAsyncFormattedCommand(
        context, receiveReply, nil, bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
        bytes.count - (isTerminated ? 1 : 0))
    }
    guard status == REDIS_OK else {
      _ = pending.popLast()
      return answer(waiter, nil)
    }
    unwritten += 1
    if due < watchdogDue { setWatchdog(to: due) }
  }

  /// The reply to the oldest command; nil: it will never come.
  fileprivate func receive(_ reply: UnsafeMutablePointer<redisReply>?) {
    guard let command = pending.popFirst() else {
      // What Redis says without having been asked: a message of a channel.
      if reply != nil { messageArrived?() }
      return
    }
    if reply != nil { lastReply = turn }
    answer(command.waiter, reply)
  }

  private func answer(
    _ waiter: PendingCommand.Waiter, _ reply: UnsafeMutablePointer<redisReply>?
  ) {
    switch waiter {
    case .lookup(let key, let continuation):
      continuation.resume(returning: state(of: key, reply))
    case .lookups(let lookups): answer(lookups, reply)
    case .update(let batch): batch.settle(outcome(of: reply))
    case .reply(let continuation):
      continuation.resume(returning: reply.map { RedisReply(copying: $0) })
    case .nobody:
      if let reply, reply.pointee.type == REDIS_REPLY_ERROR { refuse(reply) }
    }
  }

  private func answer(
    _ lookups: [(key: Key, continuation: UnsafeContinuation<StoredState, Never>)],
    _ reply: UnsafeMutablePointer<redisReply>?
  ) {
    guard let reply, reply.pointee.type == REDIS_REPLY_ARRAY,
      reply.pointee.elements == lookups.count
    else {
      if let reply, reply.pointee.type == REDIS_REPLY_ERROR { refuse(reply) }
      for lookup in lookups { lookup.continuation.resume(returning: .failed) }
      return
    }
    for (index, lookup) in lookups.enumerated() {
      let element = reply.pointee.element[index]
      lookup.continuation.resume(returning: state(of: lookup.key, element))
    }
  }

  private func state(of key: Key, _ reply: UnsafeMutablePointer<redisReply>?) -> StoredState {
    guard let reply else { return .failed }
    switch reply.pointee.type {
    case REDIS_REPLY_STRING: return decoder.decode(RedisReply.bytes(of: reply), of: key)
    case REDIS_REPLY_NIL: return .vacant
    case REDIS_REPLY_INTEGER: return .leased
    case REDIS_REPLY_ERROR:
      refuse(reply)
      return .failed
    default: return .unavailable
    }
  }

  private func outcome(of reply: UnsafeMutablePointer<redisReply>?) -> UpdateBatch.Outcome {
    guard let reply else { return .failed }
    guard reply.pointee.type == REDIS_REPLY_ERROR else { return .kept }
    refuse(reply)
    return isMissingScripts ? .scriptMissing : .failed
  }

  /// An error that the cache can't work with, READONLY say: the connection is of no use. Scripts
  /// that Redis has forgotten can be loaded again.
  private func refuse(_ reply: UnsafeMutablePointer<redisReply>) {
    if RedisReply.bytes(of: reply).starts(with: "NOSCRIPT".utf8) {
      isMissingScripts = true
      return
    }
    close(.refused(String(decoding: RedisReply.bytes(of: reply), as: UTF8.self)))
  }
}

/// What Redis can be expected to take in even when the machine is busy: hiredis moves what is left
/// to the front of its buffer after each write.
private let bytesPerMillisecond = 16 << 10

/// What hiredis calls with each reply; the queue of the connection knows whose it is.
private let receiveReply:
  @convention(c) (
    UnsafeMutablePointer<redisAsyncContext>?, UnsafeMutableRawPointer?, UnsafeMutableRawPointer?
  ) -> Void = { context, reply, _ in
    guard let data = context?.pointee.ev.data else { return }
    Unmanaged<RedisConnection>.fromOpaque(data)._withUnsafeGuaranteedRef {
      $0.receive(reply?.assumingMemoryBound(to: redisReply.self))
    }
  }

// MARK: - Writing and deadlines

extension RedisConnection {
  /// Has `sendGathered` called once this turn's jobs have run.
  func gather() {
    if isGathering { return }
    isGathering = true
    loop.endTurn(of: self)
  }

  /// Writes all commands of the turn with one system call.
  func endTurn() {
    if isGathering {
      isGathering = false
      sendGathered?()
    }
    guard output == .dirty else { return }
    // Putting megabytes of commands together takes a while, of which Redis knows nothing.
    let delay = turn.duration(to: Uptime.now())
    if delay > .milliseconds(2) { pending.postpone(newest: unwritten, by: delay) }
    unwritten = 0
    flush()
  }

  /// Hiredis has something to write, or could not write everything.
  private func noteOutput() {
    switch output {
    case .clean:
      output = .dirty
      loop.endTurn(of: self)
    case .flushing: output = .blocked
    case .dirty, .blocked: break
    }
  }

  private func flush() {
    guard let context else { return }
    output = .flushing
    redisAsyncHandleWrite(context)
    if output == .blocked {
      // Happens with megabytes on their way only; the socket's buffer empties in a moment.
      writeRetry?.set(after: .milliseconds(1))
    } else {
      output = .clean
    }
  }

  private func retryWrite() {
    if output == .blocked { flush() }
  }

  /// Set to the first deadline of those since it fired last: not anew for each command.
  private func setWatchdog(to due: Uptime) {
    watchdogDue = due
    watchdog?.set(after: turn.duration(to: due))
  }

  private func checkDeadline() {
    watchdogDue = .distantFuture
    guard let oldest = pending.first else { return }
    turn = Uptime.now()
    if oldest.deadline <= turn, let context {
      // If this loop was late itself, the reply may be there already.
      redisAsyncHandleRead(context)
    }
    guard let oldest = pending.first else { return }
    if oldest.deadline <= turn { close(.timedOut) } else { setWatchdog(to: oldest.deadline) }
  }
}
