import Foundation

/// Relays between clients and a server, and loses the server's answers when a test asks for it: the
/// server executes the requests, and the clients do not learn it.
public final class LossyRelay: @unchecked Sendable {
  // `@unchecked`: the flags are behind the lock; the rest is constant, or only the thread uses it.
  private let lock = NSLock()
  private var isLosing = false
  private var isOver = false
  private let listener: Int32
  private let server: UInt16
  private var peers: [Int32: (other: Int32, isServer: Bool)] = [:]
  /// Where clients connect, on 127.0.0.1.
  public let port: UInt16

  /// Relays to the server on a port of the loopback address.
  public init(before server: UInt16) throws {
    self.server = server
    port = try Ports.free()
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard Self.withAddress(port, { bind(listener, $0, $1) }) == 0, listen(listener, 64) == 0 else {
      throw ServiceFailure("port \(port) is taken")
    }
    Thread.detachNewThread { [self] in work() }
  }

  /// From now on a connection ends as soon as the server answers anything on it.
  public func loseAnswers() { lock.withLock { isLosing = true } }

  /// Answers arrive again.
  public func deliverAnswers() { lock.withLock { isLosing = false } }

  /// Closes everything.
  public func close() { lock.withLock { isOver = true } }

  private func work() {
    while !lock.withLock({ isOver }) {
      var watched = ([listener] + peers.keys).map {
        pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
      }
      guard poll(&watched, nfds_t(watched.count), 20) > 0 else { continue }
      for ready in watched where ready.revents != 0 {
        if ready.fd == listener { accept() } else { pass(on: ready.fd) }
      }
    }
    for descriptor in peers.keys { Foundation.close(descriptor) }
    Foundation.close(listener)
  }

  private func accept() {
    let client = Foundation.accept(listener, nil, nil)
    guard client >= 0 else { return }
    let upstream = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard Self.withAddress(server, { connect(upstream, $0, $1) }) == 0 else {
      Foundation.close(client)
      Foundation.close(upstream)
      return
    }
    peers[client] = (upstream, isServer: false)
    peers[upstream] = (client, isServer: true)
  }

  private func pass(on descriptor: Int32) {
    // Its other end may have been closed in this round.
    guard let peer = peers[descriptor] else { return }
    var bytes = [UInt8](repeating: 0, count: 64 << 10)
    let count = read(descriptor, &bytes, bytes.count)
    let isLost = peer.isServer && lock.withLock { isLosing }
    guard count > 0, !isLost, write(bytes[..<count], to: peer.other) else {
      for descriptor in [descriptor, peer.other] {
        peers[descriptor] = nil
        Foundation.close(descriptor)
      }
      return
    }
  }

  private func write(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) -> Bool {
    var rest = bytes
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }

  private static func withAddress(
    _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) -> Int32 {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }
}
