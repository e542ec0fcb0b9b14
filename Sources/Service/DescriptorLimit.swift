#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// How many file descriptors the process may have open (RLIMIT_NOFILE): every connection needs one.
package enum DescriptorLimit {
  /// Descriptors that are not connections: the database with its log and readers, a listener, an
  /// epoll and an eventfd for each loop, the standard streams, connections that are being refused,
  /// and a margin.
  package static func reserve(loops: Int) -> Int { 128 + 72 * loops }

  /// Raises the soft limit as far as `wanted` connections need, or as the hard limit lets it.
  /// - Returns: how many connections there is room for, at least 1 and at most `wanted`.
  package static func makeRoom(connections wanted: Int, loops: Int) -> Int {
    var limit = rlimit()
    guard get(&limit) else { return wanted }
    let needed = wanted + reserve(loops: loops)
    if Int(clamping: limit.rlim_cur) < needed {
      limit.rlim_cur = min(rlim_t(needed), limit.rlim_max)
      guard set(&limit), get(&limit) else { return 1 }
    }
    return room(descriptors: Int(clamping: limit.rlim_cur), wanted: wanted, loops: loops)
  }

  /// How many connections there is room for with so many descriptors.
  package static func room(descriptors: Int, wanted: Int, loops: Int) -> Int {
    max(1, min(wanted, descriptors - reserve(loops: loops)))
  }

  #if canImport(Glibc)
    private static let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
  #else
    private static let resource = RLIMIT_NOFILE
  #endif

  private static func get(_ limit: inout rlimit) -> Bool { getrlimit(resource, &limit) == 0 }
  private static func set(_ limit: inout rlimit) -> Bool { setrlimit(resource, &limit) == 0 }
}
