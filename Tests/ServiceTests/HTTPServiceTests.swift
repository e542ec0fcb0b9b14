import Logging
import ServiceLifecycle
import Testing

@testable import Service

@Suite("The HTTP service", .timeLimit(.minutes(1)))
struct HTTPServiceTests {
  @Test("A process that is asked to stop while it warms up ends at once")
  func stopInWarmUp() async throws {
    let (beginnings, beginning) = AsyncStream<Void>.makeStream()
    let http = HTTPService(
      servers: [], listeners: [], drainTime: .seconds(600),
      warmUp: {
        beginning.finish()
        // Ends when its task is cancelled.
        let (never, continuation) = AsyncStream<Void>.makeStream()
        for await _ in never {}
        continuation.finish()
      })
    let group = ServiceGroup(
      services: [http], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    async let running: Void = group.run()
    for await _ in beginnings {}
    await group.triggerGracefulShutdown()
    try await running
  }
}
