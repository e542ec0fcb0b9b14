internal import Dispatch
internal import Foundation
internal import Synchronization

/// Turns host names into IP addresses.
///
/// The system's resolver blocks, and for many seconds when no name server answers. So names are
/// looked up on a thread of Dispatch, one for each name however many ask for it, and whoever waits
/// can stop waiting.
public enum HostLookup {
  /// The addresses of a host, in the resolver's order. Empty: its name is unknown now, the answer
  /// took longer than `duration`, or the task was cancelled.
  public static func addresses(of host: String, within duration: Duration) async -> [String] {
    if isNumeric(host) { return [host] }
    let waiter = Waiter()
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        guard waiter.begin(continuation) else { return }
        ask(for: host, waiter)
        let (seconds, attoseconds) = duration.components
        let time = Double(seconds) + Double(attoseconds) / 1e18
        deadlines.asyncAfter(deadline: .now() + time) { waiter.end([]) }
      }
    } onCancel: {
      waiter.end([])
    }
  }

  /// Whether it is an address already.
  public static func isNumeric(_ host: String) -> Bool {
    var four = in_addr()
    var six = in6_addr()
    return inet_pton(AF_INET, host, &four) == 1 || inet_pton(AF_INET6, host, &six) == 1
  }

  /// Who waits for each name that is being looked up. The process's, as the resolver is.
  private static let waiting = Mutex<[String: [Waiter]]>([:])
  /// Never held up by what is being looked up.
  private static let deadlines = DispatchQueue(label: "host-lookup-deadlines")

  private static func ask(for host: String, _ waiter: Waiter) {
    let isFirst = waiting.withLock { waiting in
      waiting[host, default: []].append(waiter)
      return waiting[host]?.count == 1
    }
    guard isFirst else { return }
    DispatchQueue.global().async {
      let addresses = lookUp(host)
      let waiters = waiting.withLock { $0.removeValue(forKey: host) } ?? []
      for waiter in waiters { waiter.end(addresses) }
    }
  }

  private static func lookUp(_ host: String) -> [String] {
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

/// Somebody who waits for an answer, and gets the first of several.
private final class Waiter: Sendable {
  private enum State {
    case new
    case waiting(CheckedContinuation<[String], Never>)
    case over
  }

  private let state = Mutex(State.new)

  /// False: it is over already, and the continuation was resumed.
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
