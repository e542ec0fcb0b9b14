/// Counts client batches in flight and the bytes they hold. Not `Sendable`: one a store.
final class TransactionGate {
  private let countMax: Int
  private let bytesMax: Int
  private var count = 0
  private var bytes = 0

  init(countMax: Int, bytesMax: Int) {
    self.countMax = countMax
    self.bytesMax = bytesMax
  }

  /// Admits a batch if there is room; false: refuse it. One alone is admitted whatever its size.
  func enter(bytes weight: Int) -> Bool {
    guard count == 0 || (count < countMax && bytes + weight <= bytesMax) else { return false }
    count += 1
    bytes += weight
    return true
  }

  /// Gives back what an admitted batch took.
  func leave(bytes weight: Int) {
    count -= 1
    bytes -= weight
  }
}
