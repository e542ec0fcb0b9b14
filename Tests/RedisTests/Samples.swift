import Basics
import KeyValueStore
import TestSupport

/// A revision newer than what the cache has observed, by more than the clock skew.
func fresh(_ offset: Int64 = 0) -> Int64 { SystemTime.microseconds() + 1_000_000 + offset }

extension Timestamp {
  /// The time of day.
  static func systemTime() -> Timestamp { Timestamp(microseconds: SystemTime.microseconds()) }
}

extension Lookup {
  /// An entry whose value says its revision.
  static func sample(
    _ key: String, _ revision: Int64, value: [UInt8]? = nil, contentType: String = "text/plain",
    expiresAt: Timestamp? = nil
  ) -> Lookup {
    let value = value ?? Array("value of \(revision)".utf8)
    let time = Timestamp(microseconds: revision)
    return .found(
      Entry(
        metadata: Metadata(
          key: Key(key), revision: Revision(revision), version: 7, size: value.count,
          contentType: contentType, createdAt: Timestamp(microseconds: revision - 5),
          updatedAt: time, expiresAt: expiresAt),
        value: value))
  }
}

extension CacheUpdate {
  init(_ key: String, _ revision: Int64) {
    self.init(key: Key(key), lookup: .sample(key, revision))
  }
}

extension Cache {
  /// What the cache holds of a key.
  func kept(_ key: String) async -> Lookup? {
    if case .hit(let lookup) = await find(Key(key)) { lookup } else { nil }
  }

  /// Tells the cache of one commit.
  func update(_ key: String, _ revision: Int64) async -> Bool {
    await update([CacheUpdate(key, revision)])
  }
}
