import Basics

/// Header fields, written straight into the bytes that go out.
///
/// Values must hold no CR, LF or NUL: `append` leaves out a field whose value does, because what a
/// client stored (a content type) must never start a field of its own (RFC 9110 §5.5).
public struct FieldBlock: Sendable {
  /// `Name: value\r\n` for every field.
  public private(set) var bytes: [UInt8] = []

  /// No field.
  public init() {}

  /// Makes room for fields of `capacity` bytes altogether.
  public init(reserving capacity: Int) { bytes.reserveCapacity(capacity) }

  /// Adds a field whose value is known when the program is compiled.
  public mutating func append(_ name: StaticString, _ value: StaticString) {
    bytes.append(name)
    bytes.append(": ")
    bytes.append(value)
    bytes.append("\r\n")
  }

  /// Adds whole fields that are known when the program is compiled, each line with its CR LF.
  public mutating func append(lines: StaticString) { bytes.append(lines) }

  /// Adds a field.
  public mutating func append(_ name: StaticString, _ value: String) {
    append(name) { $0.append(contentsOf: value.utf8) }
  }

  /// Adds a field with a number.
  public mutating func append(_ name: StaticString, decimal value: Int64) {
    append(name) { $0.append(decimal: value) }
  }

  /// Adds a field whose value `write` appends.
  public mutating func append(_ name: StaticString, _ write: (inout [UInt8]) -> Void) {
    let start = bytes.count
    bytes.append(name)
    bytes.append(": ")
    let valueStart = bytes.count
    write(&bytes)
    for index in valueStart..<bytes.count where bytes[index] < 0x20 && bytes[index] != 0x09 {
      bytes.removeSubrange(start...)
      return
    }
    bytes.append("\r\n")
  }
}
