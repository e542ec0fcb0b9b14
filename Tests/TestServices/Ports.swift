import Foundation

/// Ports of the loopback address.
public enum Ports {
  /// A port on which no program listens. Another program may take it: start the server at once.
  public static func free() throws -> UInt16 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { throw ServiceFailure("no socket") }
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
      }
    }
    guard isBound else { throw ServiceFailure("no free port") }
    return UInt16(bigEndian: address.sin_port)
  }

  /// Waits until the port accepts connections.
  public static func wait(
    for port: UInt16, of process: ServiceProcess, seconds: Double = 30
  ) throws {
    let end = Date(timeIntervalSinceNow: seconds)
    while !accepts(port) {
      guard process.isRunning, Date() < end else {
        throw ServiceFailure("port \(port) accepts no connections: \(process.output.suffix(2_000))")
      }
      Polling.pause()
    }
  }

  /// Whether the port accepts connections.
  public static func accepts(_ port: UInt16) -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
  }
}

/// Waiting for other programs, which do not report when they are ready, or when they have ended.
public enum Polling {
  /// Waits for the time between two checks: 5 ms.
  public static func pause() { _ = poll(nil, 0, 5) }

  /// Checks until `isTrue`, or fails with the name of what was waited for.
  public static func wait(
    for what: String, seconds: Double = 30, until isTrue: () throws -> Bool
  ) throws {
    let end = Date(timeIntervalSinceNow: seconds)
    while try !isTrue() {
      guard Date() < end else { throw ServiceFailure("no \(what) after \(seconds) s") }
      pause()
    }
  }
}
