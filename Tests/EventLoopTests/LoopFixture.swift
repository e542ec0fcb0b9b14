import Foundation

@testable import EventLoop

/// A loop that runs for one test, and an actor on it for the test's sockets.
actor LoopFixture {
  nonisolated let loop: EventLoop
  var isTold = false
  var count = 0
  /// A socket that a child task acts on: it can't be sent there, but both share this actor.
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
    var descriptors: [Int32] = [0, 0]
    let result = socketpair(AF_UNIX, streamType, 0, &descriptors)
    precondition(result == 0, "socketpair: \(errno)")
    _ = fcntl(descriptors[0], F_SETFL, O_NONBLOCK)
    near = Socket(adopting: descriptors[0], on: loop)
    far = descriptors[1]
  }

  /// Writes on the far side; blocks when the buffers are full.
  func send(_ bytes: [UInt8]) {
    let count = bytes.withUnsafeBytes { Foundation.write(far, $0.baseAddress!, $0.count) }
    precondition(count == bytes.count)
  }

  func closeFar() { Foundation.close(far) }
}

#if os(Linux)
  private let streamType = Int32(SOCK_STREAM.rawValue)
#else
  private let streamType = SOCK_STREAM
#endif
