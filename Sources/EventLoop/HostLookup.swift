internal import Basics
internal import Dispatch
internal import Foundation
internal import Synchronization

/// Turns host names into IP addresses.
///
/// The system's resolver blocks, for many seconds if no name server answers. So it is called on a
/// thread of Dispatch, once for all tasks that ask for a name at the same time, and each task can
/// stop waiting.
public enum HostLookup {
  /// The addresses of a host, in the resolver's order. None if the name is unknown now, the answer
  /// took longer than `duration`, or the task was cancelled.
  public static func addresses(of host: String, within duration: Duration) async -> [String] {
    if isNumeric(host) { return [host] }
    let waiter = Waiter()
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        guard waiter.begin(continuation) else { return }
        ask(for: host, waiter)
        deadlines.asyncAfter(deadline: .now() + duration.seconds) { waiter.end([]) }
      }
    } onCancel: {
      waiter.end([])
    }
  }

  /// Whether `host` is an IP address and no name.
  public static func isNumeric(_ host: String) -> Bool {
    var four = in_addr()
    var six = in6_addr()
    return inet_pton(AF_INET, host, &four) == 1 || inet_pton(AF_INET6, host, &six) == 1
  }

  /// The waiting tasks by the name that is being resolved. One table for the process, as there is
  /// one resolver.
  private static let waiting = Mutex<[String: [Waiter]]>([:])
  /// A queue of its own, which the resolver never blocks.
  private static let deadlines = DispatchQueue(label: "host-lookup-deadlines")

  private static func ask(for host: String, _ waiter: Waiter) {
    let isFirst = waiting.withLock { waiting in
      waiting[host, default: []].append(waiter)
      return waiting[host]?.count == 1
    }
    guard isFirst else { return }
    DispatchQueue.global().async {
      let addresses = resolve(host)
      let waiters = waiting.withLock { $0.removeValue(forKey: host) } ?? []
      for waiter in waiters { waiter.end(addresses) }
    }
  }

  private static func resolve(_ host: String) -> [String] {
    var hints = addrinfo()
    #if os(Linux)
      hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    #else
      hints.ai_socktype = SOCK_STREAM
    #endif
    var list: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(host, nil, &hints, &list) == 0 else { return [] }
    defer { freeaddrinfo(list) }
    var addresses: [String] = []
    var next = list
    while let found = next {
      if let address = text(of: found.pointee) { addresses.append(address) }
      next = found.pointee.ai_next
    }
    return addresses
  }

  private static func text(of found: addrinfo) -> String? {
    var name = [CChar](repeating: 0, count: Int(NI_MAXHOST))
    let code = getnameinfo(
      found.ai_addr, found.ai_addrlen, &name, socklen_t(name.count), nil, 0, NI_NUMERICHOST)
    guard code == 0 else { return nil }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

/// A task that waits for addresses: it gets the first answer, and later ones are dropped.
private final class Waiter: Sendable {
  private enum State {
    case new
    case waiting(CheckedContinuation<[String], Never>)
    case over
  }

  private let state = Mutex(State.new)

  /// Starts the wait. False if it has ended already; the continuation has then been resumed.
  func begin(_ continuation: CheckedContinuation<[String], Never>) -> Bool {
    let isOver = state.withLock { state in
      guard case .new = state else { return true }
      state = .waiting(continuation)
      return false
    }
    if isOver { continuation.resume(returning: []) }
    return !isOver
  }

  func end(_ addresses: [String]) {
    let continuation: CheckedContinuation<[String], Never>? = state.withLock { state in
      defer { state = .over }
      guard case .waiting(let continuation) = state else { return nil }
      return continuation
    }
    continuation?.resume(returning: addresses)
  }
}
