import Foundation
import Testing

@testable import EventLoop

/// Addresses, and the listeners at them.
struct ListenerTests {
  @Test("Addresses are parsed as they are written")
  func addresses() {
    #expect(SocketAddress("127.0.0.1:8080") == SocketAddress(host: "127.0.0.1", port: 8_080))
    #expect(SocketAddress("[::1]:80") == SocketAddress(host: "::1", port: 80))
    #expect(SocketAddress(":80") == SocketAddress(host: "", port: 80))
    #expect(SocketAddress("[::1]:80")?.description == "[::1]:80")
    for text in ["", "8080", "::1:80", "a:b", "a:65536", "a:-1", "a:"] {
      #expect(SocketAddress(text) == nil, "\(text)")
    }
  }

  @Test("Loopback addresses are recognized")
  func loopback() {
    for text in ["127.0.0.1:1", "127.9.9.9:1", "localhost:1", "[::1]:1"] {
      #expect(SocketAddress(text)?.isLoopback == true, "\(text)")
    }
    for text in ["0.0.0.0:1", ":1", "[::]:1", "10.0.0.1:1"] {
      #expect(SocketAddress(text)?.isLoopback == false, "\(text)")
    }
  }

  @Test("Port 0 picks one free port for all listeners")
  func freePort() throws {
    let listeners = try Listener.open(SocketAddress(host: "127.0.0.1", port: 0), count: 3)
    #expect(Set(listeners.map(\.address.port)).count == 1)
    #expect(listeners[0].address.port != 0)
    for listener in listeners { listener.close() }
  }

  @Test("A refusal says whether the port is taken or the address is another machine's")
  func reasons() throws {
    let listeners = try Listener.open(SocketAddress(host: "127.0.0.1", port: 0), count: 1)
    defer { for listener in listeners { listener.close() } }
    func reason(_ address: SocketAddress) -> ListenError.Reason? {
      do throws(ListenError) {
        for listener in try Listener.open(address, count: 1) { listener.close() }
        return nil
      } catch {
        return error.reason
      }
    }
    #expect(reason(listeners[0].address) == .taken)
    // TEST-NET-1 (RFC 5737), and a name that never exists (RFC 2606).
    #expect(reason(SocketAddress(host: "192.0.2.1", port: 0)) == .notHere)
    #expect(reason(SocketAddress(host: "nowhere.invalid", port: 80)) == .notHere)
    #expect(ListenError(address: listeners[0].address, code: EACCES).reason == .forbidden)
  }

  @Test("A port that is in use is refused, although listeners share theirs")
  func takenPort() throws {
    let listeners = try Listener.open(SocketAddress(host: "127.0.0.1", port: 0), count: 2)
    defer { for listener in listeners { listener.close() } }
    let error = #expect(throws: ListenError.self) {
      try Listener.open(listeners[0].address, count: 2)
    }
    #expect(error?.cause == "Address already in use")
  }

  @Test("An address of another host is refused with its cause")
  func foreignAddress() {
    let error = #expect(throws: ListenError.self) {
      try Listener.open(SocketAddress(host: "192.0.2.1", port: 0), count: 1)
    }
    #expect(error?.description.contains("192.0.2.1") == true)
    #expect(throws: ListenError.self) {
      try Listener.open(SocketAddress(host: "no such host", port: 0), count: 1)
    }
  }
}
