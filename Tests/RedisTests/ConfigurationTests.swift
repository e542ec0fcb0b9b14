import Redis
import Testing

@Suite("Where Redis is")
struct ConfigurationTests {
  @Test("A URL names host, port, user, password and database")
  func url() throws {
    func address(_ configuration: RedisConfiguration) -> String? {
      if case .server(let address) = configuration.source { "\(address)" } else { nil }
    }
    let full = try RedisConfiguration(url: "redis://us%65r:p%40ss:w@[::1]:7000/3")
    #expect(address(full) == "[::1]:7000")
    #expect(full.user == "user" && full.password == "p@ss:w" && full.database == 3)
    let short = try RedisConfiguration(url: "REDIS://cache")
    #expect(address(short) == "cache:6379")
    #expect(short.user == nil && short.password == nil && short.database == 0)
    #expect(try RedisConfiguration(url: "redis://:secret@h/").password == "secret")
    #expect(try RedisConfiguration(url: "redis://:a@b@h:1").password == "a@b")
  }

  @Test(
    "An invalid URL is refused, without showing the password",
    arguments: [
      ("http://h", RedisConfigurationError.unknownScheme), ("h:6379", .unknownScheme),
      ("rediss://:secret@h", .encryptionUnsupported),
      ("redis://:secret@", .invalidAddress), ("redis://:secret@h:0", .invalidAddress),
      ("redis://:secret@h:65536", .invalidAddress), ("redis://:secret@h:x", .invalidAddress),
      ("redis://:secret@::1", .invalidAddress), ("redis://:secret%@h", .invalidEscape),
      ("redis://:secret%ff@h", .invalidEscape), ("redis://:secret@h/x", .invalidDatabase),
      ("redis://:secret@h/-1", .invalidDatabase), ("redis://:secret@h/1/2", .invalidDatabase),
      ("redis://:secret@h?db=1", .unknownParameter),
    ])
  func wrong(text: String, expected: RedisConfigurationError) {
    #expect(throws: expected) { try RedisConfiguration(url: text) }
    #expect(!"\(expected)".contains("secret"))
  }

  @Test("Sentinels are a list of addresses, each once")
  func sentinels() throws {
    let configuration = try RedisConfiguration(
      sentinels: "a, b:5,a:26379", master: "mymaster")
    let expected = [HostAndPort(host: "a", port: 26_379), HostAndPort(host: "b", port: 5)]
    #expect(configuration.source == .sentinels(expected, master: "mymaster"))
    #expect(throws: RedisConfigurationError.noSentinels) {
      try RedisConfiguration(sentinels: ",", master: "m")
    }
    #expect(throws: RedisConfigurationError.invalidAddress) {
      try RedisConfiguration(sentinels: "a:b:c", master: "m")
    }
  }
}
