internal import EventLoop
package import Postgres
package import RabbitMQ
package import Redis

/// The services that a process of a cluster works with.
package struct ClusterConfiguration: Sendable {
  /// Where entries live.
  package var database: PostgresConfiguration
  /// What answers most reads.
  package var cache: RedisConfiguration
  /// What takes asynchronous writes and change events.
  package var queue: RabbitMQConfiguration

  /// How long the cache keeps an entry.
  package var cacheTimeToLive: Duration { cache.timeToLive }

  /// Reads the settings; nil if none is given, or if something is wrong, which `reader` is told.
  package init?(_ reader: inout SettingsReader) {
    let url = reader.value(of: ClusterSettings.databaseURL)
    let amqp = reader.value(of: ClusterSettings.amqpURLs)
    let cache = Self.cache(&reader)
    let isGiven = [
      (ClusterSettings.databaseURL.description, !url.isEmpty),
      (ClusterSettings.redisSentinels.description, cache != nil),
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

  /// What is odd but allowed, for `--check` and the log. Names hosts, no secrets.
  package var warnings: [String] {
    var warnings: [String] = []
    let databases = Self.remote(database.unverifiedHosts)
    if !databases.isEmpty {
      warnings.append(
        "KV_DATABASE_URL: nobody verifies that \(databases) is the database, and the password may "
          + "go to somebody else: add sslmode=verify-full and sslrootcert=FILE")
    }
    let brokers = Self.remote(queue.unverifiedHosts)
    if !brokers.isEmpty {
      warnings.append(
        "KV_AMQP_URLS: password and values go to \(brokers) in the clear, whoever that is: use "
          + "amqps:// and KV_AMQP_CA_FILE")
    }
    return warnings
  }

  /// Those of some hosts that are not this machine, for a sentence; empty: none is.
  private static func remote(_ hosts: [String]) -> String {
    let remote = hosts.filter { host in
      // A path is a socket's; a name that begins with @, too.
      !host.isEmpty && !host.hasPrefix("/") && !host.hasPrefix("@")
        && !SocketAddress(host: host, port: 0).isLoopback
    }
    return Set(remote).sorted().joined(separator: ", ")
  }

  /// Nil: no Redis is named, or not so that it can be understood, which `reader` is told.
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
