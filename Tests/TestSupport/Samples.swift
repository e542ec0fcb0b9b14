package import KeyValueStore

// Values of the domain, in the few words that tests need.

extension String {
  /// Texts that mean something in SQL, Lua, the protocols behind the ports, paths, logs or pages.
  /// Each can be a key.
  package static let foreignSyntax = [
    "'; DROP TABLE entries; --", "\" OR \"\" = \"", "$1::bytea", "\\x00", "%s%n", "_%", "{a}b{",
    "]] redis.call('FLUSHALL') --[[", "*1 $8 FLUSHALL", "a b", "*?[a-z]", "kv.#", "NULL",
    "../../etc/passwd", "${jndi:ldap://host}", "$(reboot)", "`reboot`", "data: x",
    "<script>alert(1)</script>",
  ]
}

extension Key {
  package init(_ text: String) { self.init(trusted: Array(text.utf8)) }
}

extension Write {
  package static func put(
    _ key: String, _ value: String = "value", contentType: String = "text/plain",
    timeToLive: Int64? = nil, condition: Condition = .none, idempotency: IdempotencyKey? = nil
  ) -> Write {
    Write(
      key: Key(key),
      mutation: .put(
        value: Array(value.utf8), contentType: contentType, timeToLive: timeToLive),
      condition: condition, idempotency: idempotency)
  }

  package static func delete(
    _ key: String, condition: Condition = .none, idempotency: IdempotencyKey? = nil
  ) -> Write {
    Write(key: Key(key), mutation: .delete, condition: condition, idempotency: idempotency)
  }

  package static func patch(
    _ key: String, _ patch: Patch, condition: Condition = .none, idempotency: IdempotencyKey? = nil
  ) -> Write {
    Write(key: Key(key), mutation: .patch(patch), condition: condition, idempotency: idempotency)
  }

  package static func add(
    _ key: String, _ amount: Int64, condition: Condition = .none,
    idempotency: IdempotencyKey? = nil
  ) -> Write {
    patch(key, Patch(amount: amount), condition: condition, idempotency: idempotency)
  }
}

extension Condition {
  package static func matching(_ revisions: Revision...) -> Condition {
    Condition(ifMatch: .revisions(revisions))
  }

  package static func notMatching(_ revisions: Revision...) -> Condition {
    Condition(ifNoneMatch: .revisions(revisions))
  }

  package static let exists = Condition(ifMatch: .any)
  package static let isAbsent = Condition(ifNoneMatch: .any)
}

extension IdempotencyKey {
  package init(_ name: String, request: UInt8 = 1) {
    self.init(name: name, fingerprint: [UInt8](repeating: request, count: 32))
  }
}

extension OperationID {
  /// A different id for each number.
  package static func numbered(_ number: Int) -> OperationID {
    let digits = String(number)
    let tail = String(repeating: "0", count: 12 - digits.count) + digits
    return OperationID(trusted: "01890000-0000-7000-8000-" + tail)
  }
}

extension QueuedWrite {
  package init(_ number: Int, _ write: Write, at time: Timestamp, attempt: OutboxID? = nil) {
    self.init(id: .numbered(number), write: write, acceptedAt: time, attempt: attempt)
  }
}
