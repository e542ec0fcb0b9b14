import Basics
import KeyValueStore

// The end of a page as a text that clients send back: a digit for the kind of place, then the key
// in hexadecimal. Not Base64: a regular expression in openapi.json can then tell what is a cursor.
extension PagePosition {
  /// The cursor of a page that ends here.
  var cursor: [UInt8] {
    let (kind, key): (Kind, Key) =
      switch self {
      case .after(let key): (.after, key)
      case .afterAll(let key): (.afterAll, key)
      case .before(let key): (.before, key)
      case .from(let key): (.from, key)
      }
    var text = [kind.rawValue]
    text.reserveCapacity(1 + key.bytes.count * 2)
    for byte in key.bytes { text.append(hexadecimal: UInt64(byte), digits: 2) }
    return text
  }

  /// Nil if `text` is not exactly as `cursor` writes it.
  init?(cursor text: [UInt8]) {
    guard text.count % 2 == 1 else { return nil }
    var bytes: [UInt8] = []
    for index in stride(from: 1, to: text.count, by: 2) {
      guard let high = text[index].hexadecimalDigit, let low = text[index + 1].hexadecimalDigit
      else { return nil }
      bytes.append(UInt8(high << 4 | low))
    }
    guard let key = try? Key(validating: bytes) else { return nil }
    switch Kind(rawValue: text[0]) {
    case .after: self = .after(key)
    case .afterAll: self = .afterAll(key)
    case .before: self = .before(key)
    case .from: self = .from(key)
    case nil: return nil
    }
    // Hexadecimal in capitals would be another text for the same place.
    guard cursor == text else { return nil }
  }

  /// Whether a page of this list can end here.
  func fits(_ request: PageRequest) -> Bool {
    switch self {
    case .after, .from: !request.isReversed
    case .afterAll(let folded): !request.isReversed && request.fold(folded) == folded
    case .before: request.isReversed
    }
  }

  /// The first digit: that of release 0.3, then those that came later.
  private enum Kind: UInt8 {
    // ASCII.
    case after = 0x31
    case afterAll = 0x32
    case before = 0x33
    case from = 0x34
  }
}
