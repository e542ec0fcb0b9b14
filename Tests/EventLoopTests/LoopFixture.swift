import Foundation

@testable import EventLoop

/// A loop that runs for one test, and an actor on it for the test's sockets.
actor LoopFixture {
  nonisolated let loop: EventLoop
  var isTold = false
  var count = 0
  /// A socket for a child task: it can't be sent to the task, but both share this actor.
  var subject: Socket?
  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.unownedExecutor }

  init(_ backend: PollerBackend) throws {
    loop = try EventLoop(name: "test loop", backend: backend)
    loop.start()
  }

  /// Runs `body` on a fresh loop of `backend` and stops the loop afterwards.
  static func with<Result: Sendable>(
    _ backend: PollerBackend, _ body: @Sendable (isolated LoopFixture) async throws -> Result
  ) async throws -> Result {
    let fixture = try LoopFixture(backend)
    defer { fixture.loop.stop() }
    return try await withTaskExecutorPreference(fixture.loop.executor) {
      try await fixture.run(body)
    }
  }

  private func run<Result: Sendable>(
    _ body: @Sendable (isolated LoopFixture) async throws -> Result
  ) async throws -> Result {
    try await body(self)
  }
}

/// Both ends of a connection: one on a loop, one for the test to use directly.
struct SocketPair {
  let near: Socket
  let far: Int32

  init(on loop: EventLoop) {
    let (near, far) = connectedPair()
    _ = fcntl(near, F_SETFL, O_NONBLOCK)
    self.near = Socket(adopting: near, on: loop)
    self.far = far
  }

  /// Writes at the far end; blocks when the buffers are full.
  func send(_ bytes: [UInt8]) {
    let count = bytes.withUnsafeBytes { Foundation.write(far, $0.baseAddress!, $0.count) }
    precondition(count == bytes.count)
  }

  func closeFar() { Foundation.close(far) }
}

/// The descriptors of both ends of a connection.
func connectedPair() -> (near: Int32, far: Int32) {
  #if os(Linux)
    let type = Int32(SOCK_STREAM.rawValue)
  #else
    let type = SOCK_STREAM
  #endif
  var descriptors: [Int32] = [0, 0]
  let result = socketpair(AF_UNIX, type, 0, &descriptors)
  precondition(result == 0, "socketpair: \(errno)")
  return (descriptors[0], descriptors[1])
}
