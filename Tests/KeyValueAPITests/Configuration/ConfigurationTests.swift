import EventLoop
import Foundation
import HTTP
import Logging
import Telemetry
import Testing

@testable import KeyValueAPI
@testable import Service

@Suite("The configuration")
struct ConfigurationTests {
  private func configuration(
    _ environment: [String: String], cores: Int = 4, tokens: String? = nil
  ) throws(ConfigurationError) -> Configuration {
    try Configuration(
      environment: environment, cores: cores, readFile: { _ in nil },
      readTokens: { _ throws(TokensFileError) in
        guard let tokens else { throw TokensFileError(reason: .unreadable("no such file")) }
        return try TokensFile(text: tokens)
      })
  }

  private func problems(
    _ environment: [String: String], tokens: String? = nil
  ) -> [String: SettingProblem] {
    do throws(ConfigurationError) {
      _ = try configuration(environment, tokens: tokens)
      return [:]
    } catch {
      return Dictionary(error.problems.map { ($0.name, $0) }) { first, _ in first }
    }
  }

  private let token = "a " + String(repeating: "1f", count: 32) + " read *"

  @Test("Without an environment everything has its documented default")
  func defaults() throws {
    let configuration = try configuration([:], cores: 6)
    #expect(configuration.listen == SocketAddress(host: "127.0.0.1", port: 8080))
    #expect(configuration.loops == 6)
    #expect(configuration.backend == .platformDefault)
    #expect(configuration.drain == .seconds(20))
    #expect(configuration.logLevel == .info)
    #expect(configuration.dataFolder == "./data")
    #expect(configuration.cacheBytes == 64 << 20)
    #expect(configuration.http.connectionsMax >= 10_000)
    #expect(configuration.http.headTimeout == .seconds(10))
    #expect(configuration.http.bodyTimeout == .seconds(10))
    #expect(configuration.http.idleTimeout == .seconds(60))
    #expect(configuration.limits.valueBytesMax == 1_048_576)
    #expect(configuration.warnings.isEmpty)
    guard case .open = configuration.access else {
      Issue.record("tokens are wanted")
      return
    }
  }

  @Test("Every setting arrives where it belongs")
  func values() throws {
    let configuration = try configuration(
      [
        "KV_LISTEN": "[::1]:0", "KV_LOOPS": "3", "KV_IO": "dispatch", "KV_DRAIN_SECONDS": "0",
        "KV_LOG_LEVEL": "debug", "KV_DATA_DIR": "/var/lib/kv", "KV_CACHE_BYTES": "2GiB",
        "KV_TOKENS_FILE": "/etc/kv/tokens", "KV_AUDIT_FILE": "/dev/null",
        "KV_MAX_CONNECTIONS": "7",
        "KV_MAX_VALUE_BYTES": "64KiB", "KV_BODY_BUFFER_BYTES": "10000000",
        "KV_HEADER_TIMEOUT": "1", "KV_BODY_TIMEOUT": "2", "KV_WRITE_TIMEOUT": "3",
        "KV_IDLE_TIMEOUT": "4", "KV_OTLP_URL": "http://localhost:4318", "KV_OTLP_SAMPLE": "0.25",
        "UNRELATED": "x",
      ], tokens: token)
    #expect(configuration.listen == SocketAddress(host: "::1", port: 0))
    #expect(configuration.loops == 3)
    #expect(configuration.backend == .dispatch)
    #expect(configuration.drain == .zero)
    #expect(configuration.logLevel == .debug)
    #expect(configuration.dataFolder == "/var/lib/kv")
    #expect(configuration.cacheBytes == 2 << 30)
    #expect(configuration.http.connectionsMax == 7)
    #expect(configuration.limits.valueBytesMax == 65_536)
    #expect(configuration.http.bodyBytesMax == 10_000_000)
    #expect(configuration.http.headTimeout == .seconds(1))
    #expect(configuration.http.bodyTimeout == .seconds(2))
    #expect(configuration.http.writeTimeout == .seconds(3))
    #expect(configuration.http.idleTimeout == .seconds(4))
    guard case .tokens(let file, let path) = configuration.access else {
      Issue.record("tokens are not wanted")
      return
    }
    #expect(path == "/etc/kv/tokens")
    #expect(configuration.auditPath == "/dev/null")
    #expect(configuration.telemetry?.collector.server.port == 4318)
    #expect(configuration.telemetry?.sampledShare == 0.25)
    #expect(file.principals.count == 1)
  }

  @Test("Nothing is recorded unless there is a collector")
  func untraced() throws {
    #expect(try configuration([:]).telemetry == nil)
    #expect(try configuration(["KV_OTLP_SAMPLE": "1"]).telemetry == nil)
    let share = try configuration(["KV_OTLP_URL": "http://localhost"]).telemetry?.sampledShare
    #expect(share == 0.01)
  }

  @Test("An idle time that the proxy's connections outlive is warned of")
  func idleTime() throws {
    for (seconds, count) in [("45", 1), ("1", 1), ("46", 0), ("60", 0)] {
      let warnings = try configuration(["KV_IDLE_TIMEOUT": seconds]).warnings
      #expect(warnings.count == count, "\(seconds)")
      #expect(warnings.allSatisfy { $0.hasPrefix("KV_IDLE_TIMEOUT is \(seconds): Nginx") })
    }
  }

  @Test("The proxy's connections end before those of kv-api would")
  func door() throws {
    let folder = URL(filePath: #filePath)
      .appending(path: "../../../../nginx").standardizedFileURL
    for name in ["upstream.conf", "container-upstream.conf"] {
      let text = try String(contentsOf: folder.appending(path: name), encoding: .utf8)
      #expect(text.contains("keepalive_timeout 45s;"), "the warning says 45 s, \(name) not")
    }
  }

  @Test("A server without tokens minds its name, unless it is open to everything")
  func localOnly() throws {
    #expect(try configuration([:]).isLocalOnly)
    for address in ["127.0.0.1:8080", "0.0.0.0:8080", ":8080"] {
      #expect(try configuration(["KV_AUTH": "local", "KV_LISTEN": address]).isLocalOnly)
    }
    #expect(try !configuration(["KV_AUTH": "disabled"]).isLocalOnly)
    #expect(try !configuration(["KV_AUTH": "disabled", "KV_LISTEN": ":8080"]).isLocalOnly)
    #expect(try !configuration(["KV_TOKENS_FILE": "/etc/kv/tokens"], tokens: token).isLocalOnly)
  }

  @Test("Pages of other origins are let in where they are listed, all of them only with tokens")
  func crossOrigin() throws {
    #expect(try configuration([:]).crossOrigin == nil)
    let listed = try configuration(["KV_CORS_ORIGINS": "https://a.example"]).crossOrigin
    #expect(listed?.isForAll == false)
    let all = try configuration(
      ["KV_CORS_ORIGINS": "*", "KV_TOKENS_FILE": "/etc/kv/tokens"], tokens: token)
    #expect(all.crossOrigin?.isForAll == true)
    let open = problems(["KV_CORS_ORIGINS": "*", "KV_AUTH": "disabled"])["KV_CORS_ORIGINS"]
    #expect(open?.advice.contains("set KV_TOKENS_FILE") == true)
  }

  private static let wrong = [
    "KV_LISTEN": ["nowhere", "127.0.0.1", "127.0.0.1:65536", "::1:8080", "127.0.0.1:-1"],
    "KV_LOOPS": ["0", "257", "two", "-1", "1.5"], "KV_IO": ["psychic", "EPOLL"],
    "KV_DRAIN_SECONDS": ["-1", "3601", "20s"], "KV_LOG_LEVEL": ["loud", "INFO"],
    "KV_DATA_DIR": ["a\0b"], "KV_CACHE_BYTES": ["64MB", "-1", "2TiB", "99999999999GiB", "MiB"],
    "KV_TOKENS_FILE": ["/missing"], "KV_AUDIT_FILE": ["/missing/audit", "/", "a\0b"],
    "KV_AUTH": ["enabled", "no", "Local"], "KV_CORE_DUMPS": ["yes", "disabled"],
    "KV_CORS_ORIGINS": ["app.example.com", "https://a.example/", "*"],
    "KV_MAX_CONNECTIONS": ["0", "1000001"], "KV_MAX_WATCHERS": ["0", "many"],
    "KV_MAX_VALUE_BYTES": ["0", "9MiB", "much"],
    "KV_BODY_BUFFER_BYTES": ["1MiB"], "KV_ANSWER_BUFFER_BYTES": ["1MiB"],
    "KV_HEADER_TIMEOUT": ["0"], "KV_BODY_TIMEOUT": ["0"],
    "KV_WRITE_TIMEOUT": ["0"], "KV_IDLE_TIMEOUT": ["0"],
    "KV_OTLP_URL": ["localhost:4318", "https://localhost:4318", "http://a:b@localhost"],
    "KV_OTLP_SAMPLE": ["-0.1", "1.1", "1%", "nan"],
  ]

  @Test("Each wrong value is refused, with its name and itself", arguments: wrong)
  func wrongValues(_ name: String, _ values: [String]) {
    for value in values {
      let problems = problems([name: value])
      #expect(problems.keys.sorted() == [name], "\(value)")
      #expect(problems[name]?.value == value.debugDescription)
      #expect(problems[name]?.advice.isEmpty == false)
    }
  }

  @Test("Every setting has a wrong value among those that are tried here")
  func allSettingsAreTried() {
    let names = Settings.all.filter { $0.topic != .cluster }.map(\.name)
    #expect(Set(names) == Set(Self.wrong.keys))
  }

  @Test("All wrong settings are named at once, in the order of --help")
  func allAtOnce() {
    let environment = Self.wrong.mapValues { $0[0] }
    do throws(ConfigurationError) {
      _ = try configuration(environment)
      Issue.record("nothing was refused")
    } catch {
      #expect(Set(error.problems.map(\.name)) == Set(Self.wrong.keys))
      for name in Self.wrong.keys { #expect("\(error)".contains("\n  \(name)=")) }
      #expect("\(error)".contains("--help"))
    }
  }

  @Test("An empty variable counts as not set")
  func emptyValues() throws {
    let empty = Dictionary(uniqueKeysWithValues: Settings.all.map { ($0.name, "") })
    let configuration = try configuration(empty)
    #expect(configuration.loops == 4)
    #expect(configuration.warnings.isEmpty)
  }

  @Test("Without any of its services a process is no part of a cluster")
  func noCluster() throws {
    #expect(try configuration(["KV_CACHE_TTL": "60", "KV_REDIS_MASTER": "m"]).cluster == nil)
  }

  @Test(
    "A cluster needs all its services, and says which are missing",
    arguments: ["KV_DATABASE_URL", "KV_REDIS_URL", "KV_AMQP_URLS"])
  func halfACluster(_ name: String) throws {
    let cluster = [
      "KV_DATABASE_URL": "postgresql://kv:swordfish@127.0.0.1:26257/kv",
      "KV_REDIS_URL": "redis://127.0.0.1:6379",
      "KV_AMQP_URLS": "amqp://kv:swordfish@127.0.0.1:5672",
    ]
    #expect(try configuration(cluster).cluster != nil)
    let found = problems(cluster.filter { $0.key != name })
    let missing = name == "KV_REDIS_URL" ? "KV_REDIS_SENTINELS" : name
    #expect(found.keys.sorted() == [missing])
    #expect(found[missing]?.advice.contains("KV_DATABASE_URL") == true)
    #expect(!"\(found)".contains("swordfish"))
  }

  @Test("Of a cluster, only the URL that is wrong is named")
  func wrongURL() {
    let found = problems([
      "KV_DATABASE_URL": "postgresql://127.0.0.1:26257/kv", "KV_REDIS_URL": "http://127.0.0.1",
      "KV_AMQP_URLS": "amqp://127.0.0.1:5672",
    ])
    #expect(found.keys.sorted() == ["KV_REDIS_URL"])
  }

  /// What is warned of in a cluster with this database and these brokers, by the setting.
  private func warnings(database: String, brokers: String) throws -> [String] {
    let warnings = try configuration([
      "KV_DATABASE_URL": database, "KV_REDIS_URL": "redis://127.0.0.1:6379",
      "KV_AMQP_URLS": brokers,
    ]).warnings
    #expect(!"\(warnings)".contains("swordfish"))
    return warnings.map { String($0.prefix { $0 != ":" }) }
  }

  @Test(
    "Remote services whose certificate is not verified cause a warning",
    arguments: [
      ("db1", true), ("db1:26257,db2:26257", true), ("10.0.0.1", true), ("[fd00::1]:5432", true),
      ("127.example.org", true), ("127.0.0.1,db2", true), ("127.0.0.1", false),
      ("localhost:1,[::1]:2", false), ("", false), ("%2Frun%2Fpostgresql", false),
    ])
  func verification(_ hosts: String, _ isRemote: Bool) throws {
    let safe = "amqps://kv:swordfish@mq1"
    for mode in ["", "?sslmode=prefer", "?sslmode=require", "?sslmode=disable", "?sslmode=allow"] {
      let url = "postgresql://kv:swordfish@\(hosts)/kv\(mode)"
      let expected = isRemote ? ["KV_DATABASE_URL"] : []
      #expect(try warnings(database: url, brokers: safe) == expected, "\(mode)")
    }
    for mode in [
      "?sslmode=verify-full", "?sslmode=verify-ca&sslrootcert=/ca",
      "?sslmode=require&sslrootcert=/ca",
    ] {
      let url = "postgresql://kv:swordfish@\(hosts)/kv\(mode)"
      #expect(try warnings(database: url, brokers: safe).isEmpty, "\(mode)")
    }
  }

  @Test("So are remote brokers without TLS")
  func brokers() throws {
    let database = "postgresql://kv:swordfish@127.0.0.1/kv"
    for (urls, isRemote) in [
      ("amqp://kv:swordfish@mq1", true), ("amqps://mq1,amqp://kv:swordfish@mq2:5672/v", true),
      ("amqp://127.0.0.1,amqp://[::1]:5672,amqp://localhost", false), ("amqps://mq1", false),
    ] {
      let expected = isRemote ? ["KV_AMQP_URLS"] : []
      #expect(try warnings(database: database, brokers: urls) == expected, "\(urls)")
    }
  }

  @Test("A misspelt variable is pointed out with the nearest name")
  func unknownVariables() throws {
    let configuration = try configuration(
      [
        "KV_MAX_CONECTIONS": "5", "KV_LISTN": "x", "KV_SOMETHING_ELSE_ALTOGETHER": "secret",
        // Those of the command line are known; but was KV_TOKENS_FILE meant here?
        "KV_URL": "http://127.0.0.1", "KV_TOKEN": "x", "KV_CA_FILE": "x", "KV_TOKEN_FILE": "x",
      ])
    #expect(
      configuration.warnings == [
        "there is no setting KV_LISTN; is KV_LISTEN meant?",
        "there is no setting KV_MAX_CONECTIONS; is KV_MAX_CONNECTIONS meant?",
        "there is no setting KV_SOMETHING_ELSE_ALTOGETHER",
        "there is no setting KV_TOKEN_FILE; is KV_TOKENS_FILE meant?",
      ])
  }

  @Test("Without tokens only a loopback address is listened on")
  func loopbackOnly() throws {
    for address in ["127.0.0.1:1", "127.1.2.3:1", "[::1]:1", "localhost:1"] {
      #expect(problems(["KV_LISTEN": address]).isEmpty, "\(address)")
    }
    for address in [
      "0.0.0.0:1", ":1", "[::]:1", "10.0.0.1:1", "example.org:1", "127.example.org:1",
    ] {
      let advice = problems(["KV_LISTEN": address])["KV_LISTEN"]?.advice ?? ""
      #expect(advice.contains("KV_TOKENS_FILE"), "\(address)")
      #expect(advice.contains("KV_AUTH=local or disabled"), "\(address)")
      for openness in ["local", "disabled"] {
        #expect(problems(["KV_LISTEN": address, "KV_AUTH": openness]).isEmpty, "\(address)")
      }
      #expect(
        problems(["KV_LISTEN": address, "KV_TOKENS_FILE": "/t"], tokens: token).isEmpty,
        "\(address)")
    }
  }

  @Test("A tokens file and access without tokens contradict each other", arguments: openness)
  func contradiction(openness: String) {
    let problems = problems(["KV_TOKENS_FILE": "/t", "KV_AUTH": openness], tokens: token)
    #expect(problems.keys.sorted() == ["KV_AUTH"])
  }

  private static let openness = ["local", "disabled"]

  @Test("Errors in the tokens file are reported with those of the settings")
  func brokenTokens() {
    let problem = problems(["KV_TOKENS_FILE": "/t"], tokens: "a\nb c\n")["KV_TOKENS_FILE"]
    #expect(problem?.advice.contains("line 1") == true)
    #expect(problem?.advice.contains("line 2") == true)
  }

  @Test("Too few descriptors lower the default bound, and refuse one that was asked for")
  func descriptors() throws {
    var lowered = try configuration([:])
    try lowered.fitConnections(room: 900)
    #expect(lowered.http.connectionsMax == 900)
    #expect(lowered.warnings.count == 1)

    var fitting = try configuration(["KV_MAX_CONNECTIONS": "900"])
    try fitting.fitConnections(room: 900)
    #expect(fitting.warnings.isEmpty)

    var given = try configuration(["KV_MAX_CONNECTIONS": "901"])
    let error = #expect(throws: ConfigurationError.self) { try given.fitConnections(room: 900) }
    #expect(error?.problems.map(\.name) == ["KV_MAX_CONNECTIONS"])
    #expect(error?.problems.first?.advice.contains("room for 900") == true)
  }
}
