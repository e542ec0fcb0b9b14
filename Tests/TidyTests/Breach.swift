/// A place where a rule is broken.
struct Breach: CustomStringConvertible {
  let path: String
  /// Counted from one.
  let line: Int
  /// Says what to change.
  let message: String

  var description: String { "\(path):\(line): \(message)" }
}
