import KeyValueStore

/// A key whose bytes are hashed once, for the choice of the shard and its table together.
struct HashedKey: Hashable {
  let key: Key
  let hash: Int

  init(_ key: Key) {
    self.key = key
    hash = key.hashValue
  }

  func hash(into hasher: inout Hasher) { hasher.combine(hash) }

  static func == (left: HashedKey, right: HashedKey) -> Bool {
    left.hash == right.hash && left.key == right.key
  }
}
