import Basics
import Dispatch
import Synchronization
import Testing

@testable import KeyValueAPI

@Suite("The rate of a token")
struct RequestRateTests {
  /// A moment far from the start of the machine.
  private func moment(_ seconds: Double) -> MonotonicTime {
    MonotonicTime(nanoseconds: 1_000_000_000_000 + UInt64(seconds * 1e9))
  }

  /// How many of so many requests a rate admits, all at one time.
  private func admitted(_ count: Int, by rate: RequestRate, at time: MonotonicTime) -> Int {
    (0..<count).count { _ in rate.admits(at: time) }
  }

  @Test(
    "A full bucket holds the requests of one second",
    arguments: [1, 3, 7, 1_000, 65_537, 1_000_000])
  func burst(_ perSecond: Int) {
    let rate = RequestRate(perSecond: perSecond)
    let count = admitted(2 * perSecond + 10, by: rate, at: moment(0))
    // The time of a request is a whole number of nanoseconds, rounded down.
    #expect((perSecond...perSecond + perSecond / 1_000).contains(count))
    #expect(admitted(10, by: rate, at: moment(0)) == 0)
  }

  @Test("An empty bucket admits one request in the time of one, and refused ones take nothing")
  func refill() {
    let rate = RequestRate(perSecond: 10)
    #expect(admitted(20, by: rate, at: moment(0)) == 10)
    #expect(admitted(1_000, by: rate, at: moment(0.099)) == 0)
    #expect(admitted(1_000, by: rate, at: moment(0.1)) == 1)
    #expect(admitted(1_000, by: rate, at: moment(0.35)) == 2)
    #expect(admitted(1_000, by: rate, at: moment(0.4)) == 1)
  }

  @Test("However long a token rests, it gets no more than a second's requests")
  func rest() {
    let rate = RequestRate(perSecond: 5)
    #expect(admitted(100, by: rate, at: moment(0)) == 5)
    #expect(admitted(100, by: rate, at: moment(3_600)) == 5)
  }

  @Test("Whatever the rate, there is a place within a second of a refusal: that is Retry-After")
  func retryAfter() {
    for perSecond in [1, 2, 999_999] {
      let rate = RequestRate(perSecond: perSecond)
      while rate.admits(at: moment(0)) {}
      #expect(rate.admits(at: moment(1)), "\(perSecond)")
    }
  }

  @Test("A token that keeps to its rate is never refused, one at twice its rate every second time")
  func steady() {
    let steady = RequestRate(perSecond: 100)
    #expect((0..<10_000).allSatisfy { steady.admits(at: moment(Double($0) / 100)) })
    let fast = RequestRate(perSecond: 100)
    let half = (0..<10_000).count { fast.admits(at: moment(Double($0) / 200)) }
    #expect((5_098...5_100).contains(half))
  }

  @Test("Threads that ask at the same time get together what the rate allows")
  func threads() {
    let rate = RequestRate(perSecond: 1_000)
    let total = Atomic<Int>(0)
    DispatchQueue.concurrentPerform(iterations: 8) { _ in
      total.add(admitted(500, by: rate, at: moment(0)), ordering: .relaxed)
    }
    #expect(total.load(ordering: .relaxed) == 1_000)
  }

  @Test("A clock that one loop has read a little earlier than another does no harm")
  func skew() {
    let rate = RequestRate(perSecond: 2)
    #expect(rate.admits(at: moment(1)))
    #expect(rate.admits(at: moment(0.999)) == false)
    #expect(rate.admits(at: moment(1)))
    #expect(!rate.admits(at: moment(1)))
  }

  @Test("A new rate begins as full as the old one was")
  func following() {
    let slow = RequestRate(perSecond: 2)
    while slow.admits(at: moment(0)) {}
    let fast = RequestRate(perSecond: 100, following: slow)
    #expect(admitted(1_000, by: fast, at: moment(0)) == 0)
    #expect(admitted(1_000, by: fast, at: moment(0.5)) == 50)
    #expect(admitted(1_000, by: RequestRate(perSecond: 100), at: moment(0)) == 100)
  }
}
