internal import Basics
internal import Dispatch
internal import Foundation
internal import Synchronization

/// DispatchSource, for platforms without epoll. The sources report on a queue of their own, and a
/// mailbox hands the reports to the loop's thread.
///
/// A source is level-triggered: it reports again and again until the data is read. So each source
/// suspends itself when it reports, and `rearm` resumes it when a task waits again.
final class DispatchPoller: Poller {
  let sockets = SocketTable()
  /// A source reports a hang-up once, together with the data that there is, and is then deleted
  /// (libdispatch, event_epoll.c): a reader that stops before EAGAIN never learns of the end.
  let reportsEnd = false
  private let mailbox = Mailbox()
  private let queue = DispatchQueue(label: "poller")
  private var watches: [UInt64: Watch] = [:]

  func add(_ socket: Socket) {
    socket.token = sockets.insert(socket)
    watches[socket.token] = Watch(
      descriptor: socket.descriptor, token: socket.token, queue: queue, mailbox: mailbox)
  }

  func removeAndClose(_ socket: Socket) {
    sockets.remove(socket.token)
    watches.removeValue(forKey: socket.token)?.cancel()
  }

  func rearm(_ socket: Socket, for interest: Readiness) {
    watches[socket.token]?.rearm(interest)
    // Once one source has reported a hang-up neither reports anything any more: not the data left
    // unread, and not that a connection was refused. So those that watch are asked, too.
    guard socket.trigger == .level else { return }
    let ready = socket.readiness(of: interest)
    if !ready.isEmpty { mailbox.post(Mailbox.Report(token: socket.token, readiness: ready)) }
  }

  func wait(for duration: Duration?) {
    for report in mailbox.take(waiting: duration) {
      sockets[report.token]?.becomeReady(report.readiness)
    }
  }

  func wake() { mailbox.wake() }
}

/// What the sources have reported and the loop has not yet taken.
private final class Mailbox: Sendable {
  struct Report {
    let token: UInt64
    let readiness: Readiness
  }

  private struct State {
    var reports: [Report] = []
    var isSignalled = false
  }

  private let state = Mutex(State())
  private let signal = DispatchSemaphore(value: 0)

  func post(_ report: Report) {
    wake { $0.append(report) }
  }

  func wake() {
    wake { _ in }
  }

  /// Signals once for all the reports that come before the loop takes them.
  private func wake(adding add: (inout [Report]) -> Void) {
    let isFirst = state.withLock { state in
      add(&state.reports)
      defer { state.isSignalled = true }
      return !state.isSignalled
    }
    if isFirst { signal.signal() }
  }

  func take(waiting duration: Duration?) -> [Report] {
    if let duration {
      let timeout = DispatchTime.now() + .nanoseconds(Int(duration.nanoseconds))
      guard signal.wait(timeout: timeout) == .success else { return [] }
    } else {
      signal.wait()
    }
    return state.withLock { state in
      state.isSignalled = false
      defer { state.reports.removeAll(keepingCapacity: true) }
      return state.reports
    }
  }
}

/// The two sources of one socket.
///
/// A source's own handler suspends it, on the queue; the loop resumes or cancels it. The lock
/// prevents a suspension after a cancellation: nothing would resume the source then, and a
/// suspended source must not be released.
///
/// `@unchecked Sendable`: the state is behind the lock, and sources are dispatch objects, which any
/// thread may call; Swift's overlay only does not declare it.
private final class Watch: @unchecked Sendable {
  private struct State {
    var suspended: Readiness = .writable
    var isCancelled = false
  }

  private let state = Mutex(State())
  private let reader: any DispatchSourceRead
  private let writer: any DispatchSourceWrite

  init(descriptor: Int32, token: UInt64, queue: DispatchQueue, mailbox: Mailbox) {
    reader = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
    writer = DispatchSource.makeWriteSource(fileDescriptor: descriptor, queue: queue)
    // A descriptor may be closed only when both sources are cancelled (dispatch_source_create(3)).
    let closer = Closer(descriptor: descriptor)
    reader.setCancelHandler { withExtendedLifetime(closer) {} }
    writer.setCancelHandler { withExtendedLifetime(closer) {} }
    // Each handler holds this object until its source is cancelled; the cancellation frees it.
    reader.setEventHandler { self.report(.readable, of: self.reader, token, to: mailbox) }
    writer.setEventHandler { self.report(.writable, of: self.writer, token, to: mailbox) }
    reader.resume()
  }

  private func report(
    _ readiness: Readiness, of source: any DispatchSourceProtocol, _ token: UInt64,
    to mailbox: Mailbox
  ) {
    let isReported = state.withLock { state in
      guard !state.isCancelled else { return false }
      state.suspended.insert(readiness)
      source.suspend()
      return true
    }
    if isReported { mailbox.post(Mailbox.Report(token: token, readiness: readiness)) }
  }

  func rearm(_ interest: Readiness) {
    state.withLock { resume(interest, &$0) }
  }

  func cancel() {
    state.withLock { state in
      state.isCancelled = true
      // A suspended source does not run its cancel handler.
      resume([.readable, .writable], &state)
    }
    reader.cancel()
    writer.cancel()
  }

  private func resume(_ interest: Readiness, _ state: inout State) {
    let resumed = state.suspended.intersection(interest)
    state.suspended.subtract(resumed)
    if resumed.contains(.readable) { reader.resume() }
    if resumed.contains(.writable) { writer.resume() }
  }
}

/// Closes a descriptor when the last object that needs it is gone.
private final class Closer: Sendable {
  private let descriptor: Int32
  init(descriptor: Int32) { self.descriptor = descriptor }
  deinit { close(descriptor) }
}
