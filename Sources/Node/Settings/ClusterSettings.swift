/// The services behind a cluster: the settings that kv-api and kv-worker share.
package enum ClusterSettings {
  /// Empty: there is none.
  package static let databaseURL = text(
    "KV_DATABASE_URL",
    "postgresql://user:password@host:port,host:port/database?sslmode=mode",
    "CockroachDB or PostgreSQL, where entries live. Several hosts are tried in random order. "
      + "Set together with Redis and KV_AMQP_URLS, it makes this process part of a cluster.",
    isSecret: true)

  /// Empty: Redis is named by its URL.
  package static let redisSentinels = text(
    "KV_REDIS_SENTINELS", "host:port,host:port,…",
    "The Sentinels that know where Redis is.")

  package static let redisMaster = Setting(
    description: SettingDescription(
      name: "KV_REDIS_MASTER", topic: .cluster, fallback: "mymaster", allowed: "a name",
      meaning: "What the Sentinels call the Redis to use."),
    fallback: "mymaster", parse: { $0.contains(where: \.isWhitespace) ? nil : $0 })

  /// Empty: Redis is found by its Sentinels.
  package static let redisURL = text(
    "KV_REDIS_URL", "redis://user:password@host:port/number",
    "A single Redis without Sentinels, instead of KV_REDIS_SENTINELS.", isSecret: true)

  /// Empty: there is none.
  package static let redisPassword = text(
    "KV_REDIS_PASSWORD", "text", "The password of Redis.", isSecret: true)

  /// Empty: the default user.
  package static let redisUser = text(
    "KV_REDIS_USER", "a name", "The ACL user of Redis; without one, the default user.")

  /// Empty: the Sentinels want none.
  package static let sentinelPassword = text(
    "KV_REDIS_SENTINEL_PASSWORD", "text", "The password of the Sentinels.", isSecret: true)

  /// Empty: there is none.
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
