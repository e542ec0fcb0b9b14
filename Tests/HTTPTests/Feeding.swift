/// The ways in which one input can arrive. Every one of them must have the same result.
enum Feeding {
  /// Each list of places where the input is cut: not at all, at every single byte, and between all.
  static func cuts(of count: Int) -> [[Int]] {
    [[]] + (0...count).map { [$0] } + [Array(0...count)]
  }
}

extension [UInt8] {
  init(_ text: String) { self = Array(text.utf8) }

  /// The bytes as a Swift string literal would spell them.
  var spelled: String { String(decoding: self, as: UTF8.self).debugDescription }
}
