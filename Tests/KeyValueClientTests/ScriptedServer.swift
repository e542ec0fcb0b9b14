import NIOCore
import NIOPosix
import Synchronization

/// A server that reads requests and answers each as a test says, byte for byte.
struct ScriptedServer {
  /// What becomes of a request.
  enum Reply: Sendable {
    /// The bytes, before there is a request.
    case greeting(String)
    case bytes(String)
    /// The bytes, and the end of the connection.
    case last(String)
    /// The same, as soon as the head of the request has come.
    case early(String)
  }

  let port: Int
  private let script: Script

  var url: String { "http://127.0.0.1:\(port)" }
  /// The heads of the requests so far.
  var heads: [String] { script.state.withLock { $0.heads } }
  /// The targets of the requests so far.
  var targets: [String] { heads.map { String($0.split(separator: " ")[1]) } }
  /// How many connections there were.
  var connections: Int { script.state.withLock { $0.connections } }

  /// Serves on a free port during `body`. A request for which no reply is left stays without one.
  static func run<Result>(
    _ replies: Reply..., during body: (ScriptedServer) async throws -> Result
  ) async throws -> Result {
    let loop = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let script = Script(replies)
    let result: Result
    do {
      let listener = try await ServerBootstrap(group: loop)
        .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        .childChannelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(ScriptedConnection(script))
          }
        }
        .bind(host: "127.0.0.1", port: 0).get()
      result = try await body(
        ScriptedServer(port: listener.localAddress?.port ?? 0, script: script))
    } catch {
      try await loop.shutdownGracefully()
      throw error
    }
    try await loop.shutdownGracefully()
    return result
  }
}

/// What connections share.
private final class Script: Sendable {
  struct State {
    var replies: [ScriptedServer.Reply]
    var heads: [String] = []
    var connections = 0
  }

  let state: Mutex<State>

  init(_ replies: [ScriptedServer.Reply]) { state = Mutex(State(replies: replies)) }
}

private final class ScriptedConnection: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let script: Script
  private var received = ""

  init(_ script: Script) { self.script = script }

  func channelActive(context: ChannelHandlerContext) {
    let greeting: String? = script.state.withLock { state in
      state.connections += 1
      guard case .greeting(let text)? = state.replies.first else { return nil }
      state.replies.removeFirst()
      return text
    }
    if let greeting { send(greeting, context) }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    received += String(buffer: unwrapInboundIn(data))
    guard let end = received.firstRange(of: "\r\n\r\n") else { return }
    let head = String(received[..<end.lowerBound])
    let line = head.lowercased().split(separator: "\r\n").first { $0.hasPrefix("content-length:") }
    let length = line.flatMap { Int($0.dropFirst(15).filter(\.isNumber)) } ?? 0
    let reply: ScriptedServer.Reply? = script.state.withLock { state in
      let isWhole = received[end.upperBound...].utf8.count >= length
      if case .early? = state.replies.first {} else if !isWhole { return nil }
      state.heads.append(head)
      return state.replies.isEmpty ? nil : state.replies.removeFirst()
    }
    guard let reply else { return }
    received = ""
    switch reply {
    case .bytes(let text), .greeting(let text): send(text, context)
    case .last(let text), .early(let text):
      send(text, context)
      context.close(promise: nil)
    }
  }

  private func send(_ text: String, _ context: ChannelHandlerContext) {
    context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }
}
