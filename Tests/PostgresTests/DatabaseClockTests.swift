import Testing

@testable import Postgres

@Suite("The database's clock, as a node knows it")
struct DatabaseClockTests {
  private static let hour: Int64 = 3_600_000_000
  private let clock = DatabaseClock()

  /// What it says, as far as the time that the test itself takes does not matter.
  private func says(_ time: Int64) -> Bool {
    guard let now = clock.now else { return false }
    return now >= time && now < time + Self.hour
  }

  @Test("It says nothing before it has heard anything")
  func nothing() {
    #expect(clock.now == nil && clock.isSilent(for: .seconds(1)))
    clock.hear(5 * Self.hour, least: nil)
    #expect(says(5 * Self.hour) && !clock.isSilent(for: .seconds(3_600)))
  }

  @Test("Of several readings the one that was on its way for the shortest time counts")
  func shortest() {
    clock.hear(10 * Self.hour, least: nil)
    // Sent when it was ten, answered with two hours more: both readings are true.
    clock.hear(12 * Self.hour, least: 10 * Self.hour)
    #expect(says(12 * Self.hour))
    // Sent before, too, and answered earlier, but it comes only now.
    clock.hear(11 * Self.hour, least: 10 * Self.hour)
    #expect(says(12 * Self.hour))
  }

  @Test("A clock that was set back is followed")
  func setBack() {
    clock.hear(10 * Self.hour, least: nil)
    clock.hear(4 * Self.hour, least: 10 * Self.hour)
    #expect(says(4 * Self.hour))
  }
}
