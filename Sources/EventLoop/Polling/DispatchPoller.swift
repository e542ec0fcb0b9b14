internal import Dispatch
internal import Foundation
internal import Synchronization

/// DispatchSource, for platforms without epoll: sources report on a queue of their own and hand
/// over to the loop's thread through a mailbox.
///
/// A source is level-triggered: it reports again and again until the data is read. So each suspends
/// itself when it reports, and `rearm` resumes it when somebody waits again.
final class DispatchPoller: Poller {
  let sockets = SocketTable()
  /// A source reports a hang-up once, with whatever data there is, and is deleted (libdispatch,
  /// event_epoll.c): whoever does not read on until EAGAIN waits for the end for ever.
  let tellsEnd = false
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
    // A source that has reported a hang-up is gone, and with it whoever had left some data unread.
    if socket.trigger == .level, interest.contains(.readable), socket.hasInput {
      mailbox.post(Mailbox.Report(token: socket.token, readiness: .readable))
      return
    }
    watches[socket.token]?.rearm(interest)
  }

  func wait(for duration: Duration?) {
    for report in mailbox.take(waiting: duration) {
      sockets[report.token]?.becomeReady(report.readiness)
    }
  }

  func wake() { mailbox.wake() }
}

/// What sources have reported and the loop has not yet seen.
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

  /// One signal is enough for everything until the loop has looked.
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
      let (seconds, attoseconds) = duration.components
      let nanoseconds = Int(seconds) * 1_000_000_000 + Int(attoseconds / 1_000_000_000)
      guard signal.wait(timeout: .now() + .nanoseconds(nanoseconds)) == .success else { return [] }
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
/// A source is suspended by its own handler, on the queue, and resumed or cancelled by the loop:
/// the lock keeps a suspension from following a cancellation, after which nobody would resume it,
/// and a suspended source must not be released.
///
/// `@unchecked Sendable`: the state is behind the lock, and sources are dispatch objects, whose
/// calls any thread may make; Swift's overlay only does not say so.
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
    // Each handler holds this object until its source is cancelled, which frees the handlers.
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
      // A suspended source would not run its cancel handler.
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

/// Closes a descriptor when the last who needs it is gone.
private final class Closer: Sendable {
  private let descriptor: Int32
  init(descriptor: Int32) { self.descriptor = descriptor }
  deinit { close(descriptor) }
}
