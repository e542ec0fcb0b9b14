/// Whether a transfer moves: a window of time begins anew each time that enough bytes have passed.
///
/// A bound on the pause between two bytes would let a client hold what it has sent, or what it does
/// not read, for as long as it likes, at the price of a byte now and then.
struct Pace {
  private let bytesMin: Int
  private var bytes = 0
  private var hasBegun = false

  /// A transfer that has to move `bytesPerSecond`, looked at over a whole window.
  init(bytesPerSecond: Int, over window: Duration) {
    bytesMin = max(1, Int(window / .seconds(1) * Double(bytesPerSecond)))
  }

  /// So many bytes have passed.
  mutating func moved(_ count: Int) {
    bytes += count
    if bytes < bytesMin { return }
    bytes = 0
    hasBegun = false
  }

  /// Called before each wait; true: a window begins with it.
  mutating func begins() -> Bool {
    defer { hasBegun = true }
    return !hasBegun
  }
}
