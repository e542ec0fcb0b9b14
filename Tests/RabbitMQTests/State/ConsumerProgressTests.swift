import Testing

@testable import RabbitMQ

@Suite("Whether a consumer gets what waits for it")
final class ConsumerProgressTests {
  private let start = ContinuousClock.now
  private var progress = ConsumerProgress(patience: .seconds(5))

  private func mustAsk(at seconds: Int) -> Bool { progress.mustAsk(at: start + .seconds(seconds)) }

  private func stall(at seconds: Int) -> String? { progress.stall(at: start + .seconds(seconds)) }

  private func looked(_ ready: Int, hasRoom: Bool = true, at seconds: Int) {
    progress.looked(ready: ready, hasRoom: hasRoom, at: start + .seconds(seconds))
  }

  @Test("The channel is asked once a second, and not again before its answer")
  func questions() {
    #expect(!mustAsk(at: 0), "not connected")
    progress.connected(at: start)
    #expect(mustAsk(at: 0))
    #expect(!mustAsk(at: 3))
    progress.answered()
    #expect(mustAsk(at: 3))
    #expect(stall(at: 8) == nil)
    #expect(stall(at: 9) == "the channel has not answered for 6 s")
  }

  @Test("A delivery is a sign of life, too")
  func delivery() {
    progress.connected(at: start)
    #expect(mustAsk(at: 0))
    looked(3, at: 0)
    progress.moved()
    #expect(stall(at: 100) == nil)
  }

  @Test("A queue that is not empty while nothing is delivered")
  func starving() {
    progress.connected(at: start)
    looked(3, at: 0)
    looked(7, at: 4)
    #expect(stall(at: 5) == nil)
    #expect(stall(at: 6) == "7 messages wait, and none was delivered for 6 s")
    looked(0, at: 7)
    #expect(stall(at: 100) == nil)
    looked(7, hasRoom: false, at: 100)
    #expect(stall(at: 200) == nil, "it holds as many as it may")
  }

  @Test("Each connection that does not help gets twice as long, until something moves")
  func patience() {
    for limit in [5, 10, 20, 40, 60, 60] {
      progress.connected(at: start)
      looked(1, at: 0)
      #expect(stall(at: limit) == nil)
      #expect(stall(at: limit + 1) != nil)
      progress.restart()
    }
    progress.moved()
    looked(1, at: 0)
    #expect(stall(at: 6) != nil)
  }
}
