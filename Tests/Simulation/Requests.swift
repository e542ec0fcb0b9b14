internal import KeyValueStore

extension Plan.Request {
  var name: Key { Key(trusted: Array(key.utf8)) }

  /// The value that the request stores, which no other request does.
  var value: [UInt8] {
    if case .named(let first, _) = action { return Self.value(of: first) }
    return Self.value(of: number)
  }

  private static func value(of number: Int) -> [UInt8] { Array("v\(number)".utf8) }

  /// What it asks for, in a few words.
  var words: String {
    switch action {
    case .put(let timeToLive?): "put \(key), for \(timeToLive) s"
    case .put: "put \(key)"
    case .add(let amount): "add \(amount) to \(key)"
    case .batch(let other): "batch of \(key) and \(other)"
    case .named(let first, let permissions): "put \(key), named n\(first) by \(permissions)"
    default: "\(action) \(key)"
    }
  }

  /// The keys that it is about.
  var keys: [String] {
    if case .batch(let other) = action { [key, other] } else { [key] }
  }

  /// The keys that it writes.
  var written: [Key] {
    switch action {
    case .read, .freshRead: []
    case .batch(let other): other == key ? [name] : [name, Key(trusted: Array(other.utf8))]
    default: [name]
    }
  }

  /// Whether it stores `value`.
  var isPut: Bool {
    switch action {
    case .put, .putIfAbsent, .putIfUnchanged, .queuedPut, .batch, .named: true
    case .read, .freshRead, .delete, .add, .queuedDelete: false
    }
  }

  /// A delete that finds nothing overtakes others, too, if it was queued.
  var isDelete: Bool { action == .delete || action == .queuedDelete }

  /// The write that it asks for; nil: it reads, or it is a batch.
  /// - Parameter regardsPermissions: whether a request is another one with other permissions.
  func write(expecting revision: Revision, regardsPermissions: Bool = true) -> Write? {
    let put = put()
    switch action {
    case .read, .freshRead, .batch: return nil
    case .put(let timeToLive): return self.put(timeToLive)
    case .queuedPut: return put
    case .delete, .queuedDelete: return Write(key: name, mutation: .delete)
    case .add(let amount): return Write(key: name, mutation: .patch(Patch(amount: amount)))
    case .putIfAbsent:
      return Write(
        key: name, mutation: put.mutation, condition: Condition(ifNoneMatch: .any))
    case .putIfUnchanged:
      return Write(
        key: name, mutation: put.mutation,
        condition: Condition(ifMatch: .revisions([revision])))
    case .named(let first, let permissions):
      return Write(
        key: name, mutation: put.mutation,
        idempotency: IdempotencyKey(
          name: "n\(first)", fingerprint: [UInt8(first), regardsPermissions ? permissions : 0]))
    }
  }

  private func put(_ timeToLive: Int64? = nil) -> Write {
    Write(
      key: name,
      mutation: .put(value: value, contentType: "text/plain", timeToLive: timeToLive))
  }
}

extension Node {
  /// Carries out a request as the API does.
  func answer(_ request: Plan.Request, expecting revision: Revision) async -> Answer {
    let write = request.write(
      expecting: revision, regardsPermissions: plant != .permissions)
    do throws(StoreError) {
      switch request.action {
      case .read: return .read(try await store.get(request.name))
      case .freshRead: return .read(try await store.get(request.name, isFresh: true))
      case .batch: return .executed(try await store.execute(Self.batch(request)))
      case .add: return .decided(try await store.write(write!))
      case .queuedPut, .queuedDelete: return Self.answer(try await store.queueOrWrite(write!))
      default: return Self.answer(try await store.writeOrQueue(write!))
      }
    } catch {
      return .failed(error)
    }
  }

  private static func answer(_ progress: WriteProgress) -> Answer {
    switch progress {
    case .decided(let receipt): .decided(receipt)
    case .queued(let id): .queued(id)
    }
  }

  private static func batch(_ request: Plan.Request) -> Batch {
    let puts = request.written.map { key in
      Write(
        key: key,
        mutation: .put(value: request.value, contentType: "text/plain", timeToLive: nil))
    }
    return Batch(operations: puts.map { .write($0) } + [.get(request.name)], isAtomic: true)
  }
}
