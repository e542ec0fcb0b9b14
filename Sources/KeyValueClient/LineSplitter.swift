/// Cuts bytes into lines, without I/O: feed it what arrives, in pieces of any size.
package struct LineSplitter {
  /// A line without its end, and its number, counted from one.
  package struct Line: Equatable, Sendable {
    package let number: Int
    package let bytes: [UInt8]
    /// Whether it was longer than allowed; `bytes` is empty then.
    package let isTooLong: Bool
  }

  private let lineBytesMax: Int
  private var rest: [UInt8] = []
  private var number = 0
  private var isTooLong = false

  /// - Parameter lineBytesMax: the longest line that is kept.
  package init(lineBytesMax: Int = 64 << 20) { self.lineBytesMax = lineBytesMax }

  /// Takes bytes, and returns the lines that became complete by them.
  package mutating func feed(_ bytes: some Collection<UInt8>) -> [Line] {
    var lines: [Line] = []
    var rest = bytes[...]
    while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
      append(rest[..<end])
      lines.append(finish())
      rest = rest[rest.index(after: end)...]
    }
    append(rest)
    return lines
  }

  /// The last line, if it has no end.
  package mutating func close() -> Line? {
    rest.isEmpty && !isTooLong ? nil : finish()
  }

  private mutating func append(_ bytes: some Collection<UInt8>) {
    guard !isTooLong else { return }
    rest += bytes
    guard rest.count > lineBytesMax else { return }
    rest = []
    isTooLong = true
  }

  private mutating func finish() -> Line {
    number += 1
    if rest.last == UInt8(ascii: "\r") { rest.removeLast() }
    defer {
      rest = []
      isTooLong = false
    }
    return Line(number: number, bytes: rest, isTooLong: isTooLong)
  }
}
