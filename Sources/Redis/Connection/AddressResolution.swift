internal import Dispatch
internal import Foundation

/// Turns host names into IP addresses. The system's resolver blocks, so names are resolved on a
/// thread of Dispatch; an address that is numeric already costs nothing.
enum AddressResolution {
  /// An IP address of a host, another one at each attempt if it has several; nil if its name is
  /// unknown now.
  static func resolve(_ address: HostAndPort, attempt: Int) async -> HostAndPort? {
    if isNumeric(address.host) { return address }
    let hosts = await withCheckedContinuation { continuation in
      DispatchQueue.global().async { continuation.resume(returning: lookUp(address.host)) }
    }
    if hosts.isEmpty { return nil }
    return HostAndPort(host: hosts[attempt % hosts.count], port: address.port)
  }

  static func isNumeric(_ host: String) -> Bool {
    var four = in_addr()
    var six = in6_addr()
    return inet_pton(AF_INET, host, &four) == 1 || inet_pton(AF_INET6, host, &six) == 1
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
    var hosts: [String] = []
    var next = list
    while let found = next {
      if let host = name(of: found.pointee) { hosts.append(host) }
      next = found.pointee.ai_next
    }
    return hosts
  }

  private static func name(of found: addrinfo) -> String? {
    var name = [CChar](repeating: 0, count: Int(NI_MAXHOST))
    let code = getnameinfo(
      found.ai_addr, found.ai_addrlen, &name, socklen_t(name.count), nil, 0, NI_NUMERICHOST)
    guard code == 0 else { return nil }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
