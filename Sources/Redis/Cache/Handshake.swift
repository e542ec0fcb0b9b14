internal import KeyValueStore

/// Checks what must be true of a Redis before it is used: it accepts the credentials, it is a
/// master, it reports its run id, it knows the scripts and it can be written.
struct Handshake {
  let configuration: RedisConfiguration
  let view: MasterView
  let version: Int
  let now: WallClock

  /// Returns nil after closing the connection with the reason.
  func run(on connection: RedisConnection) async -> RedisSession? {
    do throws(Refusal) {
      try await introduce(on: connection)
      guard try await ask(connection, "ROLE").elements.first?.text == "master" else {
        throw Refusal(words: "it is not a master")
      }
      guard let id = try await ask(connection, "INFO", "server").field("run_id"), id.count == 40
      else { throw Refusal(words: "it does not tell its run id") }
      var digests: [String] = []
      for script in CacheScript.allCases {
        let digest = try await ask(connection, "SCRIPT", "LOAD", script.source).text
        digests.append(digest ?? "")
      }
      let session = RedisSession(
        connection, version: version, generation: "\(id):\(view.epoch):", digests: digests,
        configuration: configuration)
      guard await session.observe(isWriting: true, now: now) != nil else {
        throw Refusal(words: "it can't be observed")
      }
      return session
    } catch {
      // A connection that has ended keeps the reason that it has.
      connection.close(.refused(error.words))
      return nil
    }
  }

  private func introduce(on connection: RedisConnection) async throws(Refusal) {
    if let password = configuration.password {
      if let user = configuration.user {
        _ = try await ask(connection, "AUTH", user, password)
      } else {
        _ = try await ask(connection, "AUTH", password)
      }
    }
    // For operators; an ACL may forbid it.
    _ = await connection.call("CLIENT", "SETNAME", "key-value-store")
    if configuration.database != 0 {
      _ = try await ask(connection, "SELECT", String(configuration.database))
    }
  }

  private func ask(
    _ connection: RedisConnection, _ words: String...
  ) async throws(Refusal) -> RedisReply {
    guard let reply = await connection.call(CommandBuffer.command(words)) else {
      throw Refusal(words: "no answer")
    }
    if case .error(let words) = reply { throw Refusal(words: words) }
    return reply
  }

  /// Redis refused a command, or its reply does not meet the requirements.
  private struct Refusal: Error {
    let words: String
  }
}
