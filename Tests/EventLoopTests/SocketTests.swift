import Foundation
import Testing

@testable import EventLoop

/// What `Socket` promises, on every poller.
@Suite(.timeLimit(.minutes(1)))
struct SocketTests {
  @Test("A reader is woken by bytes and gets them", arguments: PollerBackend.allCases)
  func readerIsWoken(backend: PollerBackend) async throws {
    try await LoopFixture.with(backend) { fixture in
      let pair = SocketPair(on: fixture.loop)
      var buffer: [UInt8] = []
      #expect(pair.near.read(appendingTo: &buffer, upTo: 10) == .wouldBlock)
      let far = pair.far
      Thread.detachNewThread { _ = "hello".withCString { Foundation.write(far, $0, 5) } }
      #expect(await pair.near.readable() == .ready)
      #expect(pair.near.read(appendingTo: &buffer, upTo: 10) == .bytes(5))
      #expect(buffer == Array("hello".utf8))
      pair.near.close()
      pair.closeFar()
    }
  }

  @Test("A read takes no more bytes than its bound", arguments: PollerBackend.allCases)
  func readIsBounded(backend: PollerBackend) async throws {
    try await LoopFixture.with(backend) { fixture in
      let pair = SocketPair(on: fixture.loop)
      pair.send(Array("abcdef".utf8))
      #expect(await pair.near.readable() == .ready)
      var buffer: [UInt8] = []
      #expect(pair.near.read(appendingTo: &buffer, upTo: 4) == .bytes(4))
      #expect(await pair.near.readable() == .ready)
      #expect(pair.near.read(appendingTo: &buffer, upTo: 4) == .bytes(2))
      #expect(buffer == Array("abcdef".utf8))
      pair.near.close()
      pair.closeFar()
    }
  }

  @Test("Data and the end in one event are both seen", arguments: PollerBackend.allCases)
  func dataThenEnd(backend: PollerBackend) async throws {
    try await LoopFixture.with(backend) { fixture in
      let pair = SocketPair(on: fixture.loop)
      pair.send([1, 2, 3])
      pair.closeFar()
      var buffer: [UInt8] = []
      #expect(await pair.near.readable() == .ready)
      #expect(pair.near.read(appendingTo: &buffer, upTo: 100) == .bytes(3))
      #expect(await pair.near.readable() == .ready)
      #expect(pair.near.read(appendingTo: &buffer, upTo: 100) == .end)
      pair.near.close()
    }
  }

  @Test("A writer waits for a slow reader and loses nothing", arguments: PollerBackend.allCases)
  func backPressure(backend: PollerBackend) async throws {
    let count = 4 << 20
    try await LoopFixture.with(backend) { fixture in
      let pair = SocketPair(on: fixture.loop)
      let far = pair.far
      let received = AsyncStream<Int>.makeStream()
      let bytes = [UInt8](repeating: 7, count: count)
      // No task reads yet: the write must stop short.
      guard case .bytes(var start) = pair.near.write(bytes) else { throw Failed() }
      #expect(start < count)
      Thread.detachNewThread {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        var total = 0
        while total < count {
          let got = Foundation.read(far, &chunk, chunk.count)
          if got <= 0 { break }
          total += got
        }
        received.continuation.yield(total)
        received.continuation.finish()
      }
      while start < count {
        #expect(await pair.near.writable() == .ready)
        guard case .bytes(let sent) = pair.near.write(bytes, from: start) else { throw Failed() }
        start += sent
      }
      for await total in received.stream { #expect(total == count) }
      pair.near.close()
      pair.closeFar()
    }
  }

  @Test("A deadline ends a wait", arguments: PollerBackend.allCases)
  func deadline(backend: PollerBackend) async throws {
    try await LoopFixture.with(backend) { fixture in
      let pair = SocketPair(on: fixture.loop)
      pair.near.setDeadline(after: .milliseconds(5))
      #expect(await pair.near.readable() == .timedOut)
      pair.near.setDeadline(after: nil)
      pair.send([1])
      #expect(await pair.near.readable() == .ready)
      pair.near.close()
      pair.closeFar()
    }
  }

  @Test(
    "A deadline that passes while no task waits ends the next wait",
    arguments: PollerBackend.allCases)
  func overdue(backend: PollerBackend) async throws {
    try await LoopFixture.with(backend) { fixture in
      let overdue = SocketPair(on: fixture.loop)
      let other = SocketPair(on: fixture.loop)
      overdue.near.setDeadline(after: .milliseconds(1))
      other.near.setDeadline(after: .milliseconds(250))
      #expect(await other.near.readable() == .timedOut)
      #expect(await overdue.near.readable() == .timedOut)
      for pair in [overdue, other] {
        pair.near.close()
        pair.closeFar()
      }
    }
  }

  @Test("Of two deadlines each ends its own wait", arguments: PollerBackend.allCases)
  func twoDeadlines(backend: PollerBackend) async throws {
    try await LoopFixture.with(backend) { fixture in
      let late = SocketPair(on: fixture.loop)
      let early = SocketPair(on: fixture.loop)
      late.near.setDeadline(after: .milliseconds(250))
      early.near.setDeadline(after: .milliseconds(1))
      #expect(await early.near.readable() == .timedOut)
      #expect(await late.near.readable() == .timedOut)
      for pair in [late, early] {
        pair.near.close()
        pair.closeFar()
      }
    }
  }

  @Test("An interrupt ends a wait", arguments: PollerBackend.allCases)
  func interrupt(backend: PollerBackend) async throws {
    try await LoopFixture.with(backend) { fixture in
      let pair = SocketPair(on: fixture.loop)
      fixture.subject = pair.near
      async let interrupted: Void = fixture.interruptSubject()
      #expect(await pair.near.readable() == .interrupted)
      await interrupted
      pair.near.close()
      pair.closeFar()
    }
  }

  @Test(
    "Closing wakes the task that waits, and later calls fail", arguments: PollerBackend.allCases)
  func close(backend: PollerBackend) async throws {
    try await LoopFixture.with(backend) { fixture in
      let pair = SocketPair(on: fixture.loop)
      fixture.subject = pair.near
      async let closed: Void = fixture.closeSubject()
      #expect(await pair.near.readable() == .ready)
      await closed
      var buffer: [UInt8] = []
      #expect(pair.near.read(appendingTo: &buffer, upTo: 1) == .failed)
      #expect(pair.near.write([1]) == .failed)
      pair.near.close()
      pair.closeFar()
    }
  }

  @Test(
    "A write to a peer that is gone fails and raises no signal", arguments: PollerBackend.allCases)
  func brokenPipe(backend: PollerBackend) async throws {
    try await LoopFixture.with(backend) { fixture in
      let pair = SocketPair(on: fixture.loop)
      pair.closeFar()
      #expect(pair.near.write([1]) == .failed)
      pair.near.close()
    }
  }
}

private struct Failed: Error {}

extension LoopFixture {
  fileprivate func interruptSubject() { subject?.interrupt() }
  fileprivate func closeSubject() { subject?.close() }
}

struct SocketTableTests {
  @Test("The token of a closed socket finds nothing, even when its place is used again")
  func staleToken() async throws {
    try await LoopFixture.with(.dispatch) { fixture in
      let table = SocketTable()
      let first = SocketPair(on: fixture.loop)
      let second = SocketPair(on: fixture.loop)
      let stale = table.insert(first.near)
      table.remove(stale)
      let token = table.insert(second.near)
      #expect(token != stale)
      #expect(token & 0xFFFF_FFFF == stale & 0xFFFF_FFFF)
      #expect(table[stale] == nil)
      #expect(table[token] === second.near)
      for pair in [first, second] {
        pair.near.close()
        pair.closeFar()
      }
    }
  }
}
