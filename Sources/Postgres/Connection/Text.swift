/// Words of libpq.
enum Text {
  /// A message in one line; it may be several, the first of which says most.
  static func line(_ message: UnsafePointer<CChar>?) -> String {
    guard let message else { return "no reason was given" }
    let text = String(cString: message)
    let line = text.split(whereSeparator: \.isNewline).first.map { String($0) }
    return line ?? "no reason was given"
  }
}
