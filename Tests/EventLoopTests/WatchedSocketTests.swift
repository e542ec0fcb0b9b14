import Foundation
import Testing

@testable import EventLoop

/// What the loop promises to C libraries that own their sockets, on every poller.
@Suite(.timeLimit(.minutes(1)))
struct WatchedSocketTests {
  @Test("Readiness is reported until everything is read", arguments: PollerBackend.allCases)
  func level(backend: PollerBackend) async throws {
    try await LoopFixture.with(backend) { fixture in
      let pair = ForeignPair()
      let watch = try Socket(watching: pair.near, on: fixture.loop)
      pair.send([1, 2, 3])
      for expected in 1...3 {
        #expect(await watch.readable() == .ready)
        #expect(pair.readByte() == UInt8(expected))
      }
      // Nothing is left: the wait lasts until its deadline. A report may still be on its way.
      watch.setDeadline(after: .milliseconds(50))
      var wakeup = await watch.readable()
      while wakeup == .ready {
        #expect(pair.readByte() == nil)
        wakeup = await watch.readable()
      }
      #expect(wakeup == .timedOut)
      watch.close()
      pair.close()
    }
  }

  @Test("The end is reported, with data left and without", arguments: PollerBackend.allCases)
  func end(backend: PollerBackend) async throws {
    try await LoopFixture.with(backend) { fixture in
      let pair = ForeignPair()
      let watch = try Socket(watching: pair.near, on: fixture.loop)
      pair.send([1, 2])
      pair.closeFar()
      for expected: UInt8? in [1, 2, nil, nil] {
        #expect(await watch.readable() == .ready)
        #expect(pair.readByte() == expected)
      }
      watch.close()
      pair.close()
    }
  }

  @Test("Room to write is reported when it is asked for", arguments: PollerBackend.allCases)
  func room(backend: PollerBackend) async throws {
    try await LoopFixture.with(backend) { fixture in
      let pair = ForeignPair()
      let watch = try Socket(watching: pair.near, on: fixture.loop)
      #expect(await watch.writable() == .ready)
      #expect(await watch.writable() == .ready)
      pair.fill()
      async let drained: Void = pair.drainFar()
      #expect(await watch.writable() == .ready)
      await drained
      watch.close()
      pair.close()
    }
  }

  @Test(
    "A refused connection is reported to whoever waits for it", arguments: PollerBackend.allCases)
  func refused(backend: PollerBackend) async throws {
    try await LoopFixture.with(backend) { fixture in
      for _ in 0..<20 {
        let descriptor = try refusedConnection()
        let watch = try Socket(watching: descriptor, on: fixture.loop)
        for _ in 0..<3 { #expect(await watch.writable() == .ready) }
        #expect(await watch.readable() == .ready)
        watch.close()
        Foundation.close(descriptor)
      }
    }
  }

  @Test(
    "The owner may close first, and use the number again", arguments: PollerBackend.allCases)
  func ownerClosesFirst(backend: PollerBackend) async throws {
    try await LoopFixture.with(backend) { fixture in
      for _ in 0..<20 {
        let pair = ForeignPair()
        let watch = try Socket(watching: pair.near, on: fixture.loop)
        pair.send([7])
        #expect(await watch.readable() == .ready)
        pair.close()
        watch.close()
      }
    }
  }

  @Test(
    "A timer fires once, on time, and not when it is cancelled", arguments: PollerBackend.allCases)
  func timers(backend: PollerBackend) async throws {
    try await LoopFixture.with(backend) { fixture in
      let start = ContinuousClock.now
      var fired: [Int] = []
      var resume: CheckedContinuation<Void, Never>?
      let cancelled = LoopTimer(on: fixture.loop) { fired.append(0) }
      cancelled.set(after: .milliseconds(10))
      let early = LoopTimer(on: fixture.loop) { fired.append(1) }
      early.set(after: .milliseconds(500))
      early.set(after: .milliseconds(20))
      let late = LoopTimer(on: fixture.loop) {
        fired.append(2)
        resume?.resume()
      }
      late.set(after: .milliseconds(40))
      cancelled.cancel()
      #expect(late.deadline != nil && cancelled.deadline == nil)
      await withCheckedContinuation { resume = $0 }
      #expect(fired == [1, 2])
      #expect(ContinuousClock.now - start >= .milliseconds(40))
      #expect(early.deadline == nil && late.deadline == nil)
    }
  }

  @Test("A timer may set itself and others when it fires", arguments: PollerBackend.allCases)
  func repeating(backend: PollerBackend) async throws {
    try await LoopFixture.with(backend) { fixture in
      let repeater = Repeater()
      await withCheckedContinuation { repeater.start(on: fixture.loop, resuming: $0) }
      #expect(repeater.count == 5)
      repeater.timer = nil
    }
  }

  @Test("The end of a turn comes after its jobs", arguments: PollerBackend.allCases)
  func turns(backend: PollerBackend) async throws {
    try await LoopFixture.with(backend) { fixture in
      let ender = RecordingEnder()
      fixture.loop.endTurn(of: ender)
      ender.events.append("job")
      await Task.yield()
      // The rest may run in the same turn. The continuation is resumed at the end of that turn.
      await withCheckedContinuation { continuation in
        ender.ended = { continuation.resume() }
      }
      #expect(ender.events == ["job", "end"])
    }
  }
}

/// A connection that the system has begun to a port of this machine where nobody listens.
private func refusedConnection() throws -> Int32 {
  // A listener that is closed at once leaves a port that is free.
  let listener = try Listener.open(SocketAddress(host: "127.0.0.1", port: 0), count: 1)[0]
  let port = listener.address.port
  Socket.discard(listener.descriptor)
  #if os(Linux)
    let type = Int32(SOCK_STREAM.rawValue)
  #else
    let type = SOCK_STREAM
  #endif
  let descriptor = socket(AF_INET, type, 0)
  _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = in_port_t(port).bigEndian
  address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
  withUnsafePointer(to: &address) { pointer in
    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      _ = connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
    }
  }
  return descriptor
}

/// A connection whose near end a C library would own.
private final class ForeignPair: Sendable {
  let near: Int32
  private let far: Int32

  init() {
    (near, far) = connectedPair()
    for descriptor in [near, far] { _ = fcntl(descriptor, F_SETFL, O_NONBLOCK) }
  }

  func send(_ bytes: [UInt8]) {
    _ = bytes.withUnsafeBytes { write(far, $0.baseAddress!, $0.count) }
  }

  /// Nil if there is nothing, or the end.
  func readByte() -> UInt8? {
    var byte: UInt8 = 0
    return read(near, &byte, 1) == 1 ? byte : nil
  }

  func fill() {
    let bytes = [UInt8](repeating: 0, count: 65_536)
    while bytes.withUnsafeBytes({ write(near, $0.baseAddress!, $0.count) }) > 0 {}
  }

  /// Reads all that has come at the far end.
  func drainFar() async {
    var bytes = [UInt8](repeating: 0, count: 65_536)
    while bytes.withUnsafeMutableBytes({ read(far, $0.baseAddress!, $0.count) }) > 0 {}
  }

  func closeFar() { _ = Foundation.close(far) }
  func close() { _ = Foundation.close(near) }
}

/// Fires five times.
private final class Repeater {
  var timer: LoopTimer?
  private(set) var count = 0

  func start(on loop: EventLoop, resuming done: CheckedContinuation<Void, Never>) {
    timer = LoopTimer(on: loop) { [unowned self] in
      count += 1
      if count == 5 { done.resume() } else { timer?.set(after: .milliseconds(1)) }
    }
    timer?.set(after: .milliseconds(1))
  }
}

/// Records when its turn ends.
private final class RecordingEnder: TurnEnding {
  var events: [String] = []
  var ended: (() -> Void)?

  func endTurn() {
    events.append("end")
    ended?()
  }
}
