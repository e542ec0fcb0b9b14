internal import Foundation

/// A connected or listening stream socket whose readiness can be awaited.
///
/// Not Sendable: it belongs to the loop it was made on. It remembers readiness until a call finds
/// nothing left, because an edge-triggered poller reports each edge once. At most one task reads
/// and at most one writes at a time.
public final class Socket {
  let descriptor: Int32
  /// How a poller tells of it.
  let trigger: Trigger
  var token: UInt64 = 0
  private unowned let executor: LoopExecutor

  private var isReadable = false
  private var isWritable = true
  /// The peer has closed: what is left can be read without another edge.
  private var isEnded = false
  private var isClosed = false

  private var reader: UnsafeContinuation<Wakeup, Never>?
  private var writer: UnsafeContinuation<Wakeup, Never>?
  private(set) var deadline: MonotonicTime?

  /// When a poller tells of readiness.
  enum Trigger {
    /// When it begins: whoever is told goes on until a call would block.
    case edge
    /// As long as it lasts: whoever is told may leave some for the next turn.
    case level
  }

  /// Why a wait is over.
  public enum Wakeup: Sendable {
    /// The socket is ready, or broken: the next call tells.
    case ready
    /// The deadline has passed.
    case timedOut
    /// Somebody called `interrupt()`.
    case interrupted
  }

  /// Takes over `descriptor`, which must be non-blocking. Call it on the loop's thread.
  public init(adopting descriptor: Int32, on loop: EventLoop) {
    self.descriptor = descriptor
    trigger = .edge
    executor = loop.executor
    executor.checkIsolated()
    executor.poller.add(self)
  }

  /// Watches a socket that a C library owns, reads and writes.
  ///
  /// It watches a duplicate, so the library may close its own descriptor first. Readiness is told
  /// as long as it lasts: `readable()` returns again until the library has read everything, and the
  /// library need not read until it would block. One task must be waiting in `readable()` whenever
  /// it does not read: the loop spins on what nobody reads. Call it on the loop's thread. Throws
  /// `SystemCallError` when there is no descriptor left.
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

  /// Takes over a listening socket. Call it on the loop's thread.
  public convenience init(adopting listener: Listener, on loop: EventLoop) {
    self.init(adopting: listener.descriptor, on: loop)
  }

  deinit { precondition(isClosed, "a socket must be closed by its owner") }

  /// Closes the socket; whoever waits for it is woken. Later calls do nothing.
  public func close() {
    guard !isClosed else { return }
    isClosed = true
    executor.poller.removeAndClose(self)
    isReadable = true
    isWritable = true
    wake(.ready)
  }

  /// Ends both waits with `.interrupted`, if there are any.
  public func interrupt() {
    wake(.interrupted)
  }

  /// Ends waits that last longer than `duration` from now with `.timedOut`; nil: never.
  ///
  /// It is noticed up to a tenth of a second late.
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

// MARK: - What the loop tells

extension Socket {
  func becomeReady(_ readiness: Readiness) {
    if readiness.contains(.ended) { isEnded = true }
    if readiness.contains(.readable) {
      // A level is told of again for as long as it lasts, so it is used up by whoever is woken.
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

  /// A deadline that passes while nobody waits ends the next wait: see `noteOverdue`.
  func expire() {
    guard reader != nil || writer != nil else { return }
    deadline = nil
    wake(.timedOut)
  }

  /// Whether a read would find something now.
  var hasInput: Bool {
    var descriptor = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&descriptor, 1, 0) > 0
  }

  /// An accept found nobody: only the next edge tells of another.
  func notifyDrained() { isReadable = false }

  /// Has a deadline that passed before the wait looked at once more.
  private func noteOverdue() {
    if let deadline, deadline <= executor.now { executor.schedule(deadline) }
  }

  private func wake(_ wakeup: Wakeup) {
    if let reader {
      self.reader = nil
      reader.resume(returning: wakeup)
    }
    if let writer {
      self.writer = nil
      writer.resume(returning: wakeup)
    }
  }
}

// MARK: - Waiting

extension Socket {
  /// Waits until there is something to read; returns at once if there may be.
  public func readable() async -> Wakeup {
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

  /// Waits until there is room to write; returns at once if there may be.
  public func writable() async -> Wakeup {
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
}

extension Socket {
  /// Waits for the deadline, an interrupt or the next edge, ready or not.
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
    /// So many bytes, at least one.
    case bytes(Int)
    /// Nothing yet: wait for `readable()`.
    case wouldBlock
    /// The peer has finished sending.
    case end
    /// The connection is broken.
    case failed
  }

  /// Appends up to `count` bytes that have arrived to `buffer`, without waiting.
  public func read(appendingTo buffer: inout [UInt8], upTo count: Int) -> ReadResult {
    guard !isClosed else { return .failed }
    var result = 0
    repeat {
      buffer.append(addingCapacity: count) { span in
        span.withUnsafeMutableBufferPointer { room, initialized in
          // The room is exactly `count` bytes, or more: never write behind it.
          result = recv(descriptor, room.baseAddress, min(count, room.count), 0)
          if result > 0 { initialized += result }
        }
      }
    } while result < 0 && errno == EINTR
    if result > 0 {
      // A short read has emptied the socket, unless the end is there too and gives no further edge.
      if result < count, executor.poller.tellsEnd, !isEnded { isReadable = false }
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
    /// Took so many bytes; fewer than offered: wait for `writable()`.
    case bytes(Int)
    /// The connection is broken.
    case failed
  }

  /// Hands bytes from `start` on to the kernel, without waiting.
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

  /// A write to a closed connection is an error to handle, not a signal that ends the process.
  private static var sendFlags: Int32 {
    #if os(Linux)
      Int32(MSG_NOSIGNAL)
    #else
      0
    #endif
  }
}
