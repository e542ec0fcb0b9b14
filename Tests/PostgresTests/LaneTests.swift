import Testing

@testable import Postgres

@Suite("Nobody waits for a connection for ever")
struct LaneTests {
  @Test("Who waits for a lane that does not become free is told so, in the order of arrival")
  @MainActor
  func group() async throws {
    let lanes = LaneGroup(count: 1, waitingMax: 2)
    #expect(try await lanes.take() == 0)
    let first = Task { @MainActor in try? await lanes.take() }
    let second = Task { @MainActor in try? await lanes.take() }
    while lanes.waitingCount < 2 { await Task.yield() }
    // There is no room for a third.
    await #expect(throws: ExchangeError.self) { try await lanes.take() }
    lanes.dismissWaiters(since: .now - .seconds(600))
    #expect(lanes.waitingCount == 2)
    lanes.giveBack(0)
    #expect(await first.value == 0)
    lanes.dismissWaiters(since: .now)
    #expect(await second.value == nil)
  }

  @Test("Who waits for a connection that is not made is told so")
  @MainActor
  func connecting() async throws {
    let lane = Lane()
    let waiter = Task { @MainActor in (try? await lane.wait()) == nil }
    while lane.waitingCount == 0 { await Task.yield() }
    lane.dismissWaiters(since: .now)
    #expect(await waiter.value)
  }
}
