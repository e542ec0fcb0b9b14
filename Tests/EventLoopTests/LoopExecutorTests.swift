import Foundation
import Testing

@testable import EventLoop

/// Where and in which order jobs run.
@Suite(.timeLimit(.minutes(1)))
struct LoopExecutorTests {
  @Test("An actor and its child tasks stay on their loop", arguments: PollerBackend.allCases)
  func staysOnLoop(backend: PollerBackend) async throws {
    try await LoopFixture.with(backend) { fixture in
      let executor = fixture.loop.executor
      #expect(executor.isCurrent)
      await withTaskGroup { group in
        for _ in 0..<10 {
          group.addTask {
            await Task.yield()
            return executor.isCurrent
          }
        }
        for await isCurrent in group { #expect(isCurrent) }
      }
      #expect(executor.isCurrent)
    }
  }

  @Test("Work from outside comes back to its loop", arguments: PollerBackend.allCases)
  func comesBack(backend: PollerBackend) async throws {
    try await LoopFixture.with(backend) { fixture in
      for number in 0..<100 {
        let answer = await withCheckedContinuation { continuation in
          Thread.detachNewThread { continuation.resume(returning: number) }
        }
        #expect(answer == number)
        #expect(fixture.loop.executor.isCurrent)
      }
    }
  }

  @Test("A task that only yields does not starve a socket", arguments: PollerBackend.allCases)
  func yieldingIsFair(backend: PollerBackend) async throws {
    try await LoopFixture.with(backend) { fixture in
      let pair = SocketPair(on: fixture.loop)
      async let yields: Int = fixture.yieldUntilTold()
      pair.send([1])
      #expect(await pair.near.readable() == .ready)
      fixture.tell()
      #expect(await yields > 0)
      pair.near.close()
      pair.closeFar()
    }
  }

  @Test("Jobs that take long end a turn early", arguments: PollerBackend.allCases)
  func longJobs(backend: PollerBackend) async throws {
    try await LoopFixture.with(backend) { fixture in
      let pair = SocketPair(on: fixture.loop)
      async let yields: Int = fixture.yieldUntilTold(working: .milliseconds(2))
      pair.send([1])
      #expect(await pair.near.readable() == .ready)
      fixture.tell()
      // As many as fit into a turn of quick jobs would be 1,024.
      #expect(await yields < 200)
      pair.near.close()
      pair.closeFar()
    }
  }

  @Test("Isolation is known on the loop and off it", arguments: PollerBackend.allCases)
  func isolation(backend: PollerBackend) async throws {
    let fixture = try LoopFixture(backend)
    defer { fixture.loop.stop() }
    #expect(fixture.loop.executor.isIsolatingCurrentContext() == false)
    let isIsolated = await fixture.assumesIsolation()
    #expect(isIsolated)
  }

  @Test("Jobs from many threads all run, one at a time", arguments: PollerBackend.allCases)
  func manyThreads(backend: PollerBackend) async throws {
    let fixture = try LoopFixture(backend)
    defer { fixture.loop.stop() }
    await withDiscardingTaskGroup { group in
      for _ in 0..<8 {
        group.addTask { for _ in 0..<500 { await fixture.increment() } }
      }
    }
    #expect(await fixture.count == 4_000)
  }
}

extension LoopFixture {
  fileprivate func yieldUntilTold(working duration: Duration = .zero) async -> Int {
    var yields = 0
    while !isTold {
      yields += 1
      let end = ContinuousClock.now + duration
      while ContinuousClock.now < end {}
      await Task.yield()
    }
    return yields
  }
  fileprivate func tell() { isTold = true }
  fileprivate func increment() { count += 1 }
  fileprivate func assumesIsolation() -> Bool {
    loop.executor.isIsolatingCurrentContext() == true && assumedIsolation()
  }
  private nonisolated func assumedIsolation() -> Bool { assumeIsolated { $0.isTold == false } }
}
