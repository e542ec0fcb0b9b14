import Testing

@testable import KeyValueAutoscaler

@Suite("The backlog of the workers")
struct BacklogTests {
  private func reading(_ messages: Double?, _ drain: Double?) -> MetricReading.Value {
    Backlog(messages: messages, drain: drain, messagesMin: 1_000).reading
  }

  @Test("is the depth of the queue, divided by what is done a second")
  func seconds() {
    #expect(reading(6_000, 100) == .whole(60))
    #expect(reading(1_000, 2_000) == .whole(0.5))
  }

  @Test("is nothing where there are few messages, however slowly they go")
  func few() {
    #expect(reading(0, 0) == .whole(0))
    #expect(reading(999, 0) == .whole(0))
    #expect(reading(999, 0.001) == .whole(0))
  }

  @Test("is stalled, not endless, where messages wait and none is done")
  func stalled() {
    #expect(reading(1_000, 0) == .stalled("1000 messages wait, and none is drained"))
  }

  @Test("is missing where either half is")
  func missing() {
    #expect(reading(nil, 100) == .missing("no depth of the queue"))
    #expect(reading(0, nil) == .missing("no drain rate"))
  }
}
