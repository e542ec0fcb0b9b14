import KeyValueStore

/// The keys that start with a prefix and follow a key, as a range of byte strings.
struct KeyRange: Equatable {
  /// The least byte string of the range.
  let first: [UInt8]
  /// The least byte string after the range.
  let end: [UInt8]

  init(prefix: [UInt8], after: Key?) {
    // Nothing lies between a key and the key followed by a zero byte.
    let next = after.map { $0.bytes + [0] } ?? []
    first = prefix.lexicographicallyPrecedes(next) ? next : prefix
    // What follows all that starts with the prefix: its last byte counted up. 0xFF can't be; what
    // follows "a\u{FF}" is "b".
    var end = prefix
    while end.last == 0xFF { end.removeLast() }
    if let last = end.popLast() {
      end.append(last + 1)
    } else {
      // No prefix, or nothing but 0xFF: longer than any key, and so after all of them.
      end = [UInt8](repeating: 0xFF, count: Key.bytesMax + 1)
    }
    self.end = end
  }
}
