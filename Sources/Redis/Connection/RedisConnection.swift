internal import Basics
internal import CRedis
internal import EventLoop
internal import KeyValueStore

/// A connection to a Redis or a Sentinel: hiredis' asynchronous API on an event loop.
///
/// All commands of a turn go out in one write. Replies come in the order of the commands, so the
/// waiters stand in a queue, and one timer watches the oldest.
///
/// Not Sendable: it belongs to an actor on the loop, which must close it. Hiredis keeps an
/// unretained pointer to it, from `connect` until its `cleanup` hook. It calls that before it frees
/// the context, and at the latest in `close()`.
final class RedisConnection: TurnEnding {
  /// How long a command may take, on top of the time that the commands before it need.
  var deadline: Duration
  /// Commands and bytes that may wait; beyond them a command fails at once.
  var pendingCommandsMax = 16_384
  var pendingBytesMax = 32 << 20
  /// Why the connection has ended; nil: it has not.
  private(set) var failure: RedisConnectionFailure?
  /// When the last reply came, to about a turn.
  private(set) var lastReply = MonotonicTime.distantPast
  /// Whether Redis has forgotten a script. The owner resets this when it loads the scripts again.
  var isMissingScripts = false
  /// Called when a message of a channel arrives. Set it before SUBSCRIBE is sent.
  var messageArrived: (() -> Void)?
  /// Called at the end of a turn in which `gather` was called; its commands go out with the rest.
  var sendGathered: (() -> Void)?
  private var isGathering = false

  private let loop: EventLoop
  private var context: UnsafeMutablePointer<redisAsyncContext>?
  private var socket: Socket?
  private var pending = PendingCommands()
  private var decoder = EntryDecoder()
  private var watchdog: LoopTimer?
  private var watchdogDue = MonotonicTime.distantFuture
  private var writeRetry: LoopTimer?
  /// When this turn began, as far as this connection knows.
  private var turn = MonotonicTime.distantPast
  /// Commands of this turn.
  private var unwritten = 0
  private var output = Output.clean

  /// What is known of hiredis' output buffer.
  private enum Output {
    /// Empty.
    case clean
    /// Holds commands that the end of the turn writes.
    case dirty
    /// Is being written.
    case flushing
    /// The socket took only a part.
    case blocked
  }

  /// Not connected yet. Call this on the loop's thread.
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

  /// The time, read once a turn while commands are sent.
  var now: MonotonicTime {
    if output == .dirty { return turn }
    return MonotonicTime.now()
  }

  /// Ends the connection. All waiters get no reply.
  func close(_ reason: RedisConnectionFailure = .closed) {
    if failure == nil { failure = reason }
    // Calls all callbacks without a reply, then `cleanup`; inside a callback, after it returned.
    if let context { redisAsyncFree(context) }
  }
}

// MARK: - Connecting and reading

extension RedisConnection {
  /// Connects to an IP address and waits until the connection is made. False: `failure` says why.
  func connect(to address: HostAndPort) async -> Bool {
    // Does not block: the address is numeric. The connection is made when the socket is writable.
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
    // The limit, or the owner, may have closed the connection: nothing would end a further wait.
    while let context = self.context, context.pointee.c.flags & REDIS_CONNECTED == 0 {
      _ = await socket?.writable()
      // Checks whether the connection was made, and frees the context if not.
      if let context = self.context { redisAsyncHandleWrite(context) }
    }
    if !isOpen { closeSocket() }
    return isOpen
  }

  /// Hands arriving replies to their waiters, until the connection has ended.
  func readUntilClosed() async {
    while let socket, context != nil {
      guard await socket.readable() == .ready else { continue }
      turn = MonotonicTime.now()
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

  /// Hiredis' description of an error: a C array of bytes inside the context.
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
    // The task that waits for the socket finds that the context is gone.
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

  /// Sends a command. `waiter` gets its reply, or none at once if it can't be sent.
  ///
  /// After SUBSCRIBE hiredis looks for further channels up to a NUL (async.c, nextArgument): such a
  /// command must end with one, and `isTerminated` keeps it from being sent.
  func send(
    _ command: [UInt8], isTerminated: Bool = false, _ waiter: PendingCommand.Waiter
  ) {
    guard let context, pending.count < pendingCommandsMax,
      pending.bytes + command.count <= pendingBytesMax
    else { return answer(waiter, nil) }
    if output != .dirty { turn = MonotonicTime.now() }
    // A hanging Redis answers nothing; one that has been sent megabytes needs a moment for them.
    let backlog = Duration.milliseconds((pending.bytes + command.count) / bytesPerMillisecond)
    let due = turn.adding(deadline + backlog)
    pending.append(PendingCommand(waiter: waiter, deadline: due, count: command.count))
    let status = command.withUnsafeBytes { bytes in
      redisAsyncFormattedCommand(
        context, receiveReply, nil, bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
        bytes.count - (isTerminated ? 1 : 0))
    }
    guard status == REDIS_OK else {
      pending.removeLast()
      return answer(waiter, nil)
    }
    unwritten += 1
    if due < watchdogDue { setWatchdog(to: due) }
  }

  /// The reply to the oldest command; nil: it will never come.
  fileprivate func receive(_ reply: UnsafeMutablePointer<redisReply>?) {
    guard let command = pending.popFirst() else {
      // Not a reply: a message of a channel.
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
    case .read(let key, let continuation):
      continuation.resume(returning: state(of: key, reply))
    case .reads(let reads):
      let elements = elements(of: reply, count: reads.count)
      for (index, read) in reads.enumerated() {
        read.continuation.resume(returning: state(of: read.key, elements?[index]))
      }
    case .readAll(let keys, let continuation):
      let elements = elements(of: reply, count: keys.count)
      continuation.resume(
        returning: keys.indices.map { state(of: keys[$0], elements?[$0]) })
    case .update(let batch): batch.finishOne(outcome(of: reply))
    case .reply(let continuation):
      continuation.resume(returning: reply.map { RedisReply(copying: $0) })
    case .unawaited:
      if let reply, reply.pointee.type == REDIS_REPLY_ERROR { refuse(reply) }
    }
  }

  /// The parts of a reply to several reads; nil: it has none, or not as many.
  private func elements(
    of reply: UnsafeMutablePointer<redisReply>?, count: Int
  ) -> UnsafeMutablePointer<UnsafeMutablePointer<redisReply>?>? {
    guard let reply else { return nil }
    if reply.pointee.type == REDIS_REPLY_ERROR { refuse(reply) }
    guard reply.pointee.type == REDIS_REPLY_ARRAY, reply.pointee.elements == count else {
      return nil
    }
    return reply.pointee.element
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

  /// Closes the connection after an error that makes it useless, such as READONLY. Scripts that
  /// Redis has forgotten can be loaded again.
  private func refuse(_ reply: UnsafeMutablePointer<redisReply>) {
    if RedisReply.bytes(of: reply).starts(with: "NOSCRIPT".utf8) {
      isMissingScripts = true
      return
    }
    close(.refused(String(decoding: RedisReply.bytes(of: reply), as: UTF8.self)))
  }
}

/// What Redis takes in even on a busy machine: hiredis moves the rest of its buffer to the front
/// after each write.
private let bytesPerMillisecond = 16 << 10

/// Hiredis calls this with each reply; the connection's queue knows its waiter.
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
  /// Has `sendGathered` called at the end of this turn.
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
    // Redis has not had the time that it took to put megabytes of commands together.
    let delay = turn.duration(to: MonotonicTime.now())
    if delay > .milliseconds(2) { pending.postpone(newest: unwritten, by: delay) }
    unwritten = 0
    flush()
  }

  /// Hiredis has commands to write, or could not write everything.
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
      // Happens only with megabytes on their way; the socket's buffer empties in a moment.
      writeRetry?.set(after: .milliseconds(1))
    } else {
      output = .clean
    }
  }

  private func retryWrite() {
    if output == .blocked { flush() }
  }

  /// Set to the first deadline since it fired last, not again for each command.
  private func setWatchdog(to due: MonotonicTime) {
    watchdogDue = due
    watchdog?.set(after: turn.duration(to: due))
  }

  private func checkDeadline() {
    watchdogDue = .distantFuture
    guard let oldest = pending.first else { return }
    turn = MonotonicTime.now()
    if oldest.deadline <= turn, let context {
      // If this loop itself was late, the reply may have arrived already.
      redisAsyncHandleRead(context)
    }
    guard let oldest = pending.first else { return }
    if oldest.deadline <= turn { close(.timedOut) } else { setWatchdog(to: oldest.deadline) }
  }
}
