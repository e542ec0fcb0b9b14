import Embedded
import KeyValueStore
import Testing

extension Write {
  static func put(_ key: String, _ value: [UInt8] = [1], timeToLive: Int64? = nil) -> Write {
    Write(
      key: Key(trusted: Array(key.utf8)),
      mutation: .put(value: value, contentType: "text/plain", timeToLive: timeToLive))
  }
}

extension EmbeddedDatabase {
  func value(_ key: String) async throws -> [UInt8]? {
    try await read([Key(trusted: Array(key.utf8))])[0].entry?.value
  }
}

/// Whether the database is unavailable, so that nothing was written.
func isUnavailable(_ error: any Error) -> Bool {
  if case .unavailable? = error as? StoreError { true } else { false }
}

extension EmbeddedConfiguration {
  static func folder(_ path: String) -> EmbeddedConfiguration {
    var configuration = EmbeddedConfiguration()
    configuration.dataFolder = path
    return configuration
  }
}
