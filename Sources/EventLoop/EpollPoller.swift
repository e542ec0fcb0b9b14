#if os(Linux)
  internal import Basics
  internal import CLinux
  internal import Glibc

  /// epoll(7), edge-triggered: one `epoll_ctl` for each connection, one `epoll_wait` for each turn.
  ///
  /// Not Sendable. Only `wake()` may be called on any thread: it writes to an eventfd.
  final class EpollPoller: Poller {
    /// The most events taken from the kernel at once.
    private static let eventsMax = 256
    /// The token of the wake-up descriptor. No socket has so large a token.
    private static let wakeToken = UInt64.max

    let sockets = SocketTable()
    let reportsEnd = true
    private let epoll: Int32
    private let wakeUp: Int32
    private let events: UnsafeMutableBufferPointer<epoll_event>

    init() throws {
      epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
      guard epoll >= 0 else { throw SystemCallError("epoll_create1") }
      wakeUp = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
      guard wakeUp >= 0 else {
        let error = SystemCallError("eventfd")
        close(epoll)
        throw error
      }
      events = .allocate(capacity: Self.eventsMax)
      watch(wakeUp, token: Self.wakeToken, events: kv_epollin | kv_epollet)
    }

    deinit {
      close(wakeUp)
      close(epoll)
      events.deallocate()
    }

    func add(_ socket: Socket) {
      socket.token = sockets.insert(socket)
      let events =
        switch socket.trigger {
        case .edge: kv_epollin | kv_epollout | kv_epollrdhup | kv_epollet
        // There is room to write nearly always: `rearm` asks for it when a task waits for it.
        case .level: kv_epollin | kv_epollrdhup
        }
      watch(socket.descriptor, token: socket.token, events: events)
    }

    private func watch(_ descriptor: Int32, token: UInt64, events: UInt32) {
      var event = epoll_event(events: events, data: epoll_data_t(u64: token))
      // This fails only if the kernel has no memory left (epoll_ctl(2)). The socket then never
      // becomes ready, and its deadline ends it.
      _ = epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event)
    }

    func removeAndClose(_ socket: Socket) {
      sockets.remove(socket.token)
      if socket.trigger == .level {
        // Closing one of several descriptors of a socket leaves it in the epoll set (epoll(7), Q6).
        epoll_ctl(epoll, EPOLL_CTL_DEL, socket.descriptor, nil)
      }
      // Closing the only descriptor of a socket removes it from the epoll set (epoll(7), Q6).
      close(socket.descriptor)
    }

    func rearm(_ socket: Socket, for interest: Readiness) {
      guard socket.trigger == .level, interest.contains(.writable) else { return }
      change(socket, events: kv_epollin | kv_epollout | kv_epollrdhup)
    }

    private func change(_ socket: Socket, events: UInt32) {
      var event = epoll_event(events: events, data: epoll_data_t(u64: socket.token))
      _ = epoll_ctl(epoll, EPOLL_CTL_MOD, socket.descriptor, &event)
    }

    func wait(for duration: Duration?) {
      let count = epoll_wait(epoll, events.baseAddress, Int32(events.count), milliseconds(duration))
      guard count > 0 else { return }  // a timeout, or EINTR: the loop begins its turn in any case
      for index in 0..<Int(count) {
        let event = events[index]
        let token = event.data.u64
        if token == Self.wakeToken {
          var value: eventfd_t = 0
          eventfd_read(wakeUp, &value)
        } else {
          guard let socket = sockets[token] else { continue }
          if socket.trigger == .level, event.events & kv_epollout != 0 {
            change(socket, events: kv_epollin | kv_epollrdhup)
          }
          socket.becomeReady(readiness(event.events))
        }
      }
    }

    func wake() { eventfd_write(wakeUp, 1) }

    /// Rounded up: if the wait ended early, the loop would only have to wait again.
    private func milliseconds(_ duration: Duration?) -> Int32 {
      duration.map { Int32(clamping: $0.millisecondsRoundedUp) } ?? -1
    }

    /// Everything but "writable" wakes the reader, which finds out what it is, errors included.
    private func readiness(_ events: UInt32) -> Readiness {
      var readiness: Readiness = []
      if events & kv_epollout != 0 { readiness.insert(.writable) }
      if events & kv_epollin != 0 { readiness.insert(.readable) }
      if events & ~(kv_epollin | kv_epollout) != 0 {
        readiness.formUnion([.readable, .writable, .ended])
      }
      return readiness
    }
  }
#endif
