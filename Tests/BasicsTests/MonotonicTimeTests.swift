import Basics
import Testing

@Suite("Readings of the monotonic clock")
struct MonotonicTimeTests {
  @Test("A reading is never before an earlier one, nor before the past or after the future")
  func order() {
    let first = MonotonicTime.now()
    let second = MonotonicTime.now()
    #expect(first <= second)
    #expect(MonotonicTime.distantPast < first && second < MonotonicTime.distantFuture)
  }

  @Test("A duration leads to a later reading and back, and a negative one to the same reading")
  func adding() {
    let start = MonotonicTime(nanoseconds: 1_000)
    #expect(start.adding(.microseconds(2)) == MonotonicTime(nanoseconds: 3_000))
    #expect(start.adding(.zero) == start)
    #expect(start.adding(.seconds(-1)) == start)
    #expect(start.duration(to: MonotonicTime(nanoseconds: 3_000)) == .microseconds(2))
    #expect(start.duration(to: start) == .zero)
  }

  @Test("What has passed is zero away, and the future is as far as a duration goes")
  func distances() {
    let now = MonotonicTime.now()
    #expect(now.duration(to: .distantPast) == .zero)
    #expect(MonotonicTime.distantPast.duration(to: .distantFuture) == .nanoseconds(Int64.max))
  }

  @Test(
    "A duration in whole units is rounded towards zero",
    arguments: [
      (Duration.zero, 0, 0, 0), (.nanoseconds(1), 1, 0, 0), (.nanoseconds(-1), -1, 0, 0),
      (.nanoseconds(999_999), 999_999, 999, 0), (.milliseconds(1), 1_000_000, 1_000, 1),
      (.nanoseconds(-1_999_999), -1_999_999, -1_999, -1),
      (.seconds(3) + .microseconds(4), 3_000_004_000, 3_000_004, 3_000),
      (Duration(secondsComponent: 0, attosecondsComponent: 1_999_999_999), 1, 0, 0),
    ] as [(Duration, Int64, Int64, Int64)])
  func units(
    _ duration: Duration, _ nanoseconds: Int64, _ microseconds: Int64, _ milliseconds: Int64
  ) {
    #expect(duration.nanoseconds == nanoseconds)
    #expect(duration.microseconds == microseconds)
    #expect(duration.milliseconds == milliseconds)
  }

  @Test(
    "Milliseconds for a timer are rounded up, and never negative",
    arguments: [
      (Duration.zero, 0), (.nanoseconds(1), 1), (.milliseconds(1), 1),
      (.milliseconds(1) + .nanoseconds(1), 2), (.seconds(2), 2_000), (.seconds(-2), 0),
    ] as [(Duration, Int64)])
  func roundedUp(_ duration: Duration, _ milliseconds: Int64) {
    #expect(duration.millisecondsRoundedUp == milliseconds)
  }

  @Test("Seconds keep their fraction")
  func seconds() {
    #expect(Duration.milliseconds(1_500).seconds == 1.5)
    #expect(Duration.milliseconds(-250).seconds == -0.25)
    #expect(Duration.nanoseconds(1).seconds == 1e-9)
    #expect(Duration.seconds(100_000).seconds == 100_000)
  }
}
