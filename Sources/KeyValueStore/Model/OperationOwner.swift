/// Whose an operation is: that of everybody who may touch the keys under one prefix.
public struct OperationOwner: Hashable, Sendable {
  /// Goes into the check of an operation's id.
  let seed: UInt64

  /// Those who may touch all keys.
  public static let everybody = OperationOwner(keyPrefix: [])

  /// Those who may touch the keys that begin with `keyPrefix`; empty: all keys.
  public init(keyPrefix: [UInt8]) {
    // FNV-1a: the same in all processes and releases. 0 for all keys, as ids were made before.
    var hash: UInt64 = keyPrefix.isEmpty ? 0 : 0xCBF2_9CE4_8422_2325
    for byte in keyPrefix { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    seed = hash
  }
}
