internal import Basics
internal import Foundation

#if os(Linux)
  internal import CLinux
#endif

/// A connected or listening stream socket whose readiness can be awaited.
///
/// Not Sendable: it belongs to the loop it was made on. It remembers readiness until a call finds
/// nothing left, because an edge-triggered poller reports each edge once. At any time at most one
/// task reads and at most one writes.
public final class Socket {
  let descriptor: Int32
  let trigger: Trigger
  var token: UInt64 = 0
  private unowned let executor: LoopExecutor

  private var isReadable = false
  private var isWritable = true
  /// The peer has closed: no edge will come, and the data that is left can be read without one.
  private var isEnded = false
  private var isClosed = false

  private var reader: UnsafeContinuation<WaitResult, Never>?
  private var writer: UnsafeContinuation<WaitResult, Never>?
  private(set) var deadline: MonotonicTime?

  /// When a poller reports readiness.
  enum Trigger {
    /// Once, when the socket becomes ready: the task must go on until a call would block.
    case edge
    /// As long as the socket is ready: the task may leave some data for the next turn.
    case level
  }

  /// Why a wait has ended.
  public enum WaitResult: Sendable {
    /// The socket is ready, or broken: the next call shows which.
    case ready
    /// The deadline has passed.
    case timedOut
    /// `interrupt()` was called.
    case interrupted
  }

  /// Takes ownership of `descriptor`, which must be non-blocking. Call it on the loop's thread.
  public init(adopting descriptor: Int32, on loop: EventLoop) {
    self.descriptor = descriptor
    trigger = .edge
    executor = loop.executor
    executor.checkIsolated()
    executor.poller.add(self)
  }

  /// Takes ownership of a socket whose connection has begun: it is made once `writable()` returns.
  convenience init(connecting descriptor: Int32, on loop: EventLoop) {
    self.init(adopting: descriptor, on: loop)
    isWritable = false
  }

  /// Watches a socket that a C library owns, reads and writes.
  ///
  /// It watches a duplicate, so the library may close its own descriptor first. Readiness is
  /// reported as long as it lasts: `readable()` returns again until the library has read
  /// everything, and the library need not read until a call would block. A task must wait in
  /// `readable()` whenever it does not read: the loop spins on data that no task reads. Call it on
  /// the loop's thread. Throws `SystemCallError` if no descriptor is left.
  public init(watching descriptor: Int32, on loop: EventLoop) throws {
    executor = loop.executor
    executor.checkIsolated()
    self.descriptor = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
    trigger = .level
    isWritable = false
    guard self.descriptor >= 0 else {
      isClosed = true
      throw SystemCallError("fcntl")
    }
    executor.poller.add(self)
  }

  /// Takes ownership of a listening socket. Call it on the loop's thread.
  public convenience init(adopting listener: Listener, on loop: EventLoop) {
    self.init(adopting: listener.descriptor, on: loop)
  }

  deinit { precondition(isClosed, "a socket must be closed by its owner") }

  /// Closes the socket and ends both waits with `.ready`. Later calls do nothing.
  public func close() {
    guard !isClosed else { return }
    isClosed = true
    executor.poller.removeAndClose(self)
    isReadable = true
    isWritable = true
    wake(.ready)
  }

  /// Ends the current waits with `.interrupted`. It has no effect on later ones.
  public func interrupt() { wake(.interrupted) }

  /// Ends a wait that lasts longer than `duration` from now with `.timedOut`; nil means never.
  ///
  /// A deadline is noticed up to a tenth of a second late.
  public func setDeadline(after duration: Duration?) {
    guard let duration else {
      deadline = nil
      return
    }
    let deadline = executor.now.adding(duration)
    self.deadline = deadline
    executor.schedule(deadline)
  }
}

// MARK: - Reports of the loop

extension Socket {
  func becomeReady(_ readiness: Readiness) {
    if readiness.contains(.ended) { isEnded = true }
    if readiness.contains(.readable) {
      // A level is reported again for as long as it lasts, so a task that is woken uses it up.
      isReadable = trigger == .edge || reader == nil
      if let reader {
        self.reader = nil
        reader.resume(returning: .ready)
      }
    }
    if readiness.contains(.writable) {
      isWritable = trigger == .edge || writer == nil
      if let writer {
        self.writer = nil
        writer.resume(returning: .ready)
      }
    }
  }

  /// A deadline that passes while no task waits ends the next wait: see `noteOverdue`.
  func expire() {
    guard reader != nil || writer != nil else { return }
    deadline = nil
    wake(.timedOut)
  }

  /// Which of these operations would not block now: it would succeed, or find the end or an error.
  func readiness(of interest: Readiness) -> Readiness {
    var events: Int16 = 0
    if interest.contains(.readable) { events |= Int16(POLLIN) }
    if interest.contains(.writable) { events |= Int16(POLLOUT) }
    var descriptor = pollfd(fd: descriptor, events: events, revents: 0)
    guard poll(&descriptor, 1, 0) > 0 else { return [] }
    if descriptor.revents & ~Int16(POLLIN | POLLOUT) != 0 { return interest }
    var ready: Readiness = []
    if descriptor.revents & Int16(POLLIN) != 0 { ready.insert(.readable) }
    if descriptor.revents & Int16(POLLOUT) != 0 { ready.insert(.writable) }
    return ready
  }

  /// Makes the loop sweep again for a deadline that passed before the wait began.
  private func noteOverdue() {
    if let deadline, deadline <= executor.now { executor.schedule(deadline) }
  }

  private func wake(_ result: WaitResult) {
    if let reader {
      self.reader = nil
      reader.resume(returning: result)
    }
    if let writer {
      self.writer = nil
      writer.resume(returning: result)
    }
  }
}

// MARK: - Waiting

extension Socket {
  /// Waits until there is something to read. Returns at once if there may be.
  public func readable() async -> WaitResult {
    if isReadable {
      if trigger == .level { isReadable = false }
      return .ready
    }
    return await withUnsafeContinuation { continuation in
      precondition(reader == nil, "one reader at a time")
      reader = continuation
      noteOverdue()
      executor.poller.rearm(self, for: .readable)
    }
  }

  /// Waits until there is room to write. Returns at once if there may be.
  public func writable() async -> WaitResult {
    if isWritable {
      if trigger == .level { isWritable = false }
      return .ready
    }
    return await withUnsafeContinuation { continuation in
      precondition(writer == nil, "one writer at a time")
      writer = continuation
      noteOverdue()
      executor.poller.rearm(self, for: .writable)
    }
  }

  /// Waits for the deadline, an interrupt or the next report, even if the socket is ready now.
  public func pause() async {
    isReadable = false
    _ = await readable()
    isReadable = true
  }
}

// MARK: - Transfer

extension Socket {
  /// What a read found.
  public enum ReadResult: Equatable, Sendable {
    /// The number of bytes that were read, at least one.
    case bytes(Int)
    /// No data yet: wait for `readable()`.
    case wouldBlock
    /// The peer has finished sending.
    case end
    /// The connection is broken.
    case failed
  }

  /// Appends up to `count` of the bytes that have arrived to `buffer`, without waiting.
  public func read(appendingTo buffer: inout [UInt8], upTo count: Int) -> ReadResult {
    guard !isClosed else { return .failed }
    var result = 0
    repeat {
      buffer.append(addingCapacity: count) { span in
        span.withUnsafeMutableBufferPointer { room, initialized in
          // The room may be larger than `count` bytes.
          result = recv(descriptor, room.baseAddress, min(count, room.count), 0)
          if result > 0 { initialized += result }
        }
      }
    } while result < 0 && errno == EINTR
    if result > 0 {
      // A short read has emptied the socket. If the end has come too, no further edge will.
      if result < count, executor.poller.reportsEnd, !isEnded { isReadable = false }
      return .bytes(result)
    }
    if result == 0 { return .end }
    if errno == EAGAIN || errno == EWOULDBLOCK {
      isReadable = false
      return .wouldBlock
    }
    return .failed
  }

  /// What a write did.
  public enum WriteResult: Equatable, Sendable {
    /// The number of bytes that were taken. If they are fewer than offered, wait for `writable()`.
    case bytes(Int)
    /// The connection is broken.
    case failed
  }

  /// Hands the bytes from index `start` on to the kernel, without waiting.
  public func write(_ bytes: [UInt8], from start: Int = 0) -> WriteResult {
    guard !isClosed else { return .failed }
    var sent = start
    while sent < bytes.count {
      let result = bytes.withUnsafeBytes { buffer in
        send(descriptor, buffer.baseAddress! + sent, buffer.count - sent, Self.sendFlags)
      }
      if result >= 0 {
        sent += result
      } else if errno == EAGAIN || errno == EWOULDBLOCK {
        isWritable = false
        break
      } else if errno != EINTR {
        return .failed
      }
    }
    return .bytes(sent - start)
  }

  /// Tells the peer that nothing more will be sent.
  public func finishWriting() {
    guard !isClosed else { return }
    _ = shutdown(descriptor, Int32(SHUT_WR))
  }

  /// A write to a closed connection must return an error, not raise a signal that ends the process.
  private static var sendFlags: Int32 {
    #if os(Linux)
      Int32(MSG_NOSIGNAL)
    #else
      0
    #endif
  }
}

// MARK: - Accepting

extension Socket {
  /// What an accept found.
  public enum AcceptResult: Sendable {
    /// The descriptor of a connection: non-blocking, without Nagle's delay. The caller must adopt
    /// or discard it.
    case accepted(Int32)
    /// No connection waits: wait for `readable()`.
    case wouldBlock
    /// The process or the system has no descriptor left: try again a little later.
    case exhausted
    /// The listener is broken or closed.
    case failed
  }

  /// Accepts the next connection that waits at a listening socket, without waiting for one.
  public func accept() -> AcceptResult {
    while true {
      let accepted = Self.acceptNonBlocking(descriptor)
      if accepted >= 0 {
        var one: Int32 = 1
        setsockopt(
          accepted, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        return .accepted(accepted)
      }
      switch errno {
      // The connection was gone before it was taken (accept(2), "Error handling").
      case EINTR, ECONNABORTED, EPROTO: continue
      case EAGAIN, EWOULDBLOCK:
        isReadable = false
        return .wouldBlock
      case EMFILE, ENFILE, ENOBUFS, ENOMEM: return .exhausted
      default: return .failed
      }
    }
  }

  private static func acceptNonBlocking(_ listener: Int32) -> Int32 {
    #if os(Linux)
      return kv_accept4(listener)
    #else
      let accepted = Foundation.accept(listener, nil, nil)
      if accepted >= 0 {
        _ = fcntl(accepted, F_SETFD, FD_CLOEXEC)
        _ = fcntl(accepted, F_SETFL, O_NONBLOCK)
      }
      return accepted
    #endif
  }

  /// Closes an accepted connection instead of adopting it.
  public static func discard(_ descriptor: Int32) { _ = Foundation.close(descriptor) }
}
