/// A 64-bit checksum against bytes that something between two nodes has damaged. Not against
/// malice: whoever can write to Redis can write what he likes.
struct Checksum {
  private var state: UInt64 = 0x9E37_79B9_7F4A_7C15

  /// The checksum of what was included.
  var value: UInt64 {
    var mixed = state ^ (state >> 32)
    mixed = mixed &* 0xD6E8_FEB8_6659_FD93
    return mixed ^ (mixed >> 32)
  }

  /// Includes `bytes` and their number, eight at a time.
  mutating func include(_ bytes: UnsafeRawBufferPointer) {
    var offset = 0
    while offset + 8 <= bytes.count {
      mix(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
      offset += 8
    }
    var rest: UInt64 = 0
    while offset < bytes.count {
      rest = rest << 8 | UInt64(bytes[offset])
      offset += 1
    }
    mix(rest)
    mix(UInt64(bytes.count))
  }

  private mutating func mix(_ word: UInt64) {
    state = (state ^ word) &* 0xFF51_AFD7_ED55_8CCD
    state ^= state >> 33
  }
}
