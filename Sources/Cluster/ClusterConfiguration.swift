internal import EventLoop
package import Postgres
package import RabbitMQ
package import Redis
package import Service

/// The services of a cluster: where they are and how to use them.
package struct ClusterConfiguration: Sendable {
  package var database: PostgresConfiguration
  package var cache: RedisConfiguration
  package var queue: RabbitMQConfiguration

  /// How long the cache keeps an entry.
  package var cacheTimeToLive: Duration { cache.timeToLive }

  /// Reads the settings. Nil: none is set, or something is wrong and was reported to `reader`.
  package init?(_ reader: inout SettingsReader) {
    let url = reader.value(of: ClusterSettings.databaseURL)
    let amqp = reader.value(of: ClusterSettings.amqpURLs)
    let cache = Self.cache(&reader)
    // One that is wrong was meant to be given.
    let isCacheGiven = cache != nil || reader.hasProblem(with: ClusterSettings.redisURL.description)
    let isGiven = [
      (ClusterSettings.databaseURL.description, !url.isEmpty),
      (ClusterSettings.redisSentinels.description, isCacheGiven),
      (ClusterSettings.amqpURLs.description, !amqp.isEmpty),
    ]
    guard isGiven.contains(where: { $0.1 }) else { return nil }
    for (setting, isGiven) in isGiven where !isGiven && !reader.hasProblem(with: setting) {
      reader.report(
        setting,
        "a cluster needs KV_DATABASE_URL, KV_REDIS_SENTINELS (or KV_REDIS_URL) and "
          + "KV_AMQP_URLS: set all three, or none for a store in one process")
    }
    database = PostgresConfiguration(url: url)
    self.cache = cache ?? RedisConfiguration()
    queue = RabbitMQConfiguration(urls: amqp.split(separator: ",").map { String($0) })
    let authorities = reader.value(of: ClusterSettings.amqpAuthorities)
    if !authorities.isEmpty { queue.certificateAuthorityPath = authorities }
    if !url.isEmpty, let problem = database.problem {
      reader.report(ClusterSettings.databaseURL.description, problem)
    }
    if !amqp.isEmpty, let problem = queue.problem {
      reader.report(ClusterSettings.amqpURLs.description, problem)
    }
  }

  /// Settings that are allowed but unsafe, for `--check` and the log. Contains host names, but no
  /// secrets.
  package var warnings: [String] {
    var warnings: [String] = []
    let databases = Self.remote(database.unverifiedHosts)
    if !databases.isEmpty {
      warnings.append(
        "KV_DATABASE_URL: the identity of \(databases) is not verified, so the password may go to "
          + "another server: add sslmode=verify-full and sslrootcert=FILE")
    }
    let brokers = Self.remote(queue.unverifiedHosts)
    if !brokers.isEmpty {
      warnings.append(
        "KV_AMQP_URLS: password and values go to \(brokers) without encryption, and the identity "
          + "of the broker is not verified: use amqps:// and KV_AMQP_CA_FILE")
    }
    return warnings
  }

  /// The hosts that are not this machine, as a list in a sentence; empty: none.
  private static func remote(_ hosts: [String]) -> String {
    let remote = hosts.filter { host in
      // A path, or a name that begins with @, is that of a Unix socket.
      !host.isEmpty && !host.hasPrefix("/") && !host.hasPrefix("@")
        && !SocketAddress(host: host, port: 0).isLoopback
    }
    return Set(remote).sorted().joined(separator: ", ")
  }

  /// Nil: no Redis is set, or something is wrong and was reported to `reader`.
  private static func cache(_ reader: inout SettingsReader) -> RedisConfiguration? {
    let sentinels = reader.value(of: ClusterSettings.redisSentinels)
    let url = reader.value(of: ClusterSettings.redisURL)
    let master = reader.value(of: ClusterSettings.redisMaster)
    let user = reader.value(of: ClusterSettings.redisUser)
    let password = reader.value(of: ClusterSettings.redisPassword)
    let sentinelPassword = reader.value(of: ClusterSettings.sentinelPassword)
    let timeToLive = reader.value(of: ClusterSettings.cacheTimeToLive)
    if !sentinels.isEmpty, !url.isEmpty {
      reader.report(
        ClusterSettings.redisURL.description, "KV_REDIS_SENTINELS is set too: unset one of them")
    }
    let setting = sentinels.isEmpty ? ClusterSettings.redisURL : ClusterSettings.redisSentinels
    guard !sentinels.isEmpty || !url.isEmpty else { return nil }
    do throws(RedisConfigurationError) {
      var cache =
        sentinels.isEmpty
        ? try RedisConfiguration(url: url)
        : try RedisConfiguration(sentinels: sentinels, master: master)
      if !user.isEmpty { cache.user = user }
      if !password.isEmpty { cache.password = password }
      if !sentinelPassword.isEmpty { cache.sentinelPassword = sentinelPassword }
      cache.timeToLive = timeToLive
      return cache
    } catch {
      reader.report(setting.description, "\(error)")
      return nil
    }
  }
}

extension RabbitMQConfiguration {
  /// What is wrong with the URLs; nil: nothing.
  fileprivate var problem: String? {
    do throws(BrokerAddressError) {
      try check()
      return nil
    } catch {
      return "\(error)"
    }
  }
}

extension PostgresConfiguration {
  /// What is wrong with the URL; nil: nothing.
  fileprivate var problem: String? {
    do throws(PostgresURLError) {
      try check()
      return nil
    } catch {
      return "\(error)"
    }
  }
}

/// The services behind a cluster: the settings that kv-api and kv-worker share.
package enum ClusterSettings {
  /// Empty: none.
  package static let databaseURL = text(
    "KV_DATABASE_URL",
    "postgresql://user:password@host:port,host:port/database?sslmode=mode",
    "CockroachDB or PostgreSQL, where entries live. Several hosts are tried in random order. "
      + "Set together with Redis and KV_AMQP_URLS, it makes this process part of a cluster.",
    isSecret: true)

  /// Empty: `redisURL` says where Redis is.
  package static let redisSentinels = text(
    "KV_REDIS_SENTINELS", "host:port,host:port,…",
    "The Sentinels that know where Redis is.")

  package static let redisMaster = Setting(
    description: SettingDescription(
      name: "KV_REDIS_MASTER", topic: .cluster, fallback: "mymaster", allowed: "a name",
      meaning: "What the Sentinels call the Redis to use."),
    fallback: "mymaster", parse: { $0.contains(where: \.isWhitespace) ? nil : $0 })

  /// Empty: the Sentinels say where Redis is.
  package static let redisURL = text(
    "KV_REDIS_URL", "redis://user:password@host:port/number",
    "A single Redis without Sentinels, instead of KV_REDIS_SENTINELS.", isSecret: true)

  /// Empty: none.
  package static let redisPassword = text(
    "KV_REDIS_PASSWORD", "text", "The password of Redis.", isSecret: true)

  /// Empty: the default user.
  package static let redisUser = text(
    "KV_REDIS_USER", "a name", "The ACL user of Redis; without one, the default user.")

  /// Empty: none.
  package static let sentinelPassword = text(
    "KV_REDIS_SENTINEL_PASSWORD", "text", "The password of the Sentinels.", isSecret: true)

  /// Empty: none.
  package static let amqpURLs = text(
    "KV_AMQP_URLS", "amqp://user:password@host:port,… (amqps for TLS)",
    "The nodes of RabbitMQ, which are tried in random order.", isSecret: true)

  /// Empty: the system's certificates.
  package static let amqpAuthorities = text(
    "KV_AMQP_CA_FILE", "a path", "The certificates that sign those of RabbitMQ (amqps), as PEM.")

  package static let cacheTimeToLive = Setting.seconds(
    "KV_CACHE_TTL", .cluster, 300, 10...86_400,
    "How long Redis keeps an entry. It bounds how old an answer can be should the update of the "
      + "cache and its repair both fail.")

  /// All of them, in the order of `--help`.
  package static let all = [
    databaseURL.description, redisSentinels.description, redisMaster.description,
    redisURL.description, redisUser.description, redisPassword.description,
    sentinelPassword.description, amqpURLs.description, amqpAuthorities.description,
    cacheTimeToLive.description,
  ]

  private static func text(
    _ name: String, _ allowed: String, _ meaning: String, isSecret: Bool = false
  ) -> Setting<String> {
    Setting(
      description: SettingDescription(
        name: name, topic: .cluster, fallback: "", allowed: allowed, meaning: meaning,
        isSecret: isSecret),
      fallback: "", parse: { $0.contains("\0") ? nil : $0 })
  }
}
