import KeyValueStore
import Testing

@Suite("Commits reach the cache and the feed", .timeLimit(.minutes(1)))
struct WritePublishingTests {
  let backing = Backing()

  private var published: [[String]] {
    backing.feed.publications.map { changes in
      changes.map { change in
        switch change.kind {
        case .put: "put \(change.key.text)"
        case .delete: "delete \(change.key.text)"
        case .expire: "expire \(change.key.text)"
        }
      }
    }
  }

  @Test("A write is acknowledged only when the cache has it")
  func cacheBeforeAnswer() async throws {
    let loop = Loop(backing)
    backing.cache.beforeUpdate.close()
    let done = Gate()
    done.close()
    let tasks = await loop.start(writes: [put("a"), put("b")])
    for task in tasks {
      Task {
        _ = await task.value
        await done.pass()
      }
    }
    await backing.cache.beforeUpdate.untilHeld()
    #expect(try await backing.database.read([key("a")])[0].text == "value")
    #expect(done.heldCount == 0)
    #expect(backing.feed.publications.isEmpty)
    backing.cache.beforeUpdate.open()
    await done.untilHeld(2)
    #expect(backing.cache.memory.kept(key("a"))?.text == "value")
    #expect(backing.cache.memory.kept(key("b"))?.text == "value")
    done.open()
  }

  @Test("A write is acknowledged only when its change has been published")
  func feedBeforeAnswer() async throws {
    let loop = Loop(backing)
    backing.feed.beforePublish.close()
    let done = Gate()
    done.close()
    let tasks = await loop.start(writes: [put("a")])
    for task in tasks {
      Task {
        _ = await task.value
        await done.pass()
      }
    }
    await backing.feed.beforePublish.untilHeld()
    #expect(done.heldCount == 0)
    backing.feed.beforePublish.open()
    await done.untilHeld()
    #expect(published == [["put a"]])
    done.open()
  }

  @Test("The next batch is committed meanwhile, and published after the one before it")
  func overlap() async throws {
    let loop = Loop(backing)
    backing.cache.beforeUpdate.close()
    let first = await loop.start(writes: [put("a", "1")])
    await backing.cache.beforeUpdate.untilHeld()
    let second = await loop.start(writes: [put("a", "2")])
    await backing.cache.beforeUpdate.untilHeld(2)
    #expect(backing.database.calls.writes.count == 2)
    // The cache gets the second update before the first one, and keeps the newer of the two.
    backing.cache.beforeUpdate.releaseLast()
    await backing.cache.beforeUpdate.untilHeld(1)
    #expect(backing.feed.publications.isEmpty)
    backing.cache.beforeUpdate.open()
    for task in first + second { _ = try await task.value.get() }
    #expect(backing.feed.publications.map { $0.map(\.revision) }.joined().count == 2)
    let revisions = backing.feed.publications.joined().map(\.revision)
    #expect(revisions == revisions.sorted())
    #expect(backing.cache.memory.kept(key("a"))?.text == "2")
  }

  @Test("Commits do not run ahead of the cache and the feed without a bound")
  func bounded() async throws {
    var limits = StoreLimits()
    limits.publishingMax = 2
    let loop = Loop(backing, limits: limits)
    backing.feed.beforePublish.close()
    var tasks = await loop.start(writes: [put("a")])
    await backing.feed.beforePublish.untilHeld()
    tasks += await loop.start(writes: [put("b")])
    await loop.until(writesWaiting: 0)
    tasks += await loop.start(writes: [put("c")])
    await loop.until(writesWaiting: 1)
    #expect(backing.database.calls.writes.count == 2)
    backing.feed.beforePublish.open()
    for task in tasks { _ = try await task.value.get() }
    #expect(published == [["put a"], ["put b"], ["put c"]])
  }

  @Test("Each addition to a key has its event, and the cache gets their last sum")
  func additions() async throws {
    let loop = Loop(backing)
    let tasks = await loop.start(writes: (1...3).map { _ in patch("a", Patch(amount: 2)) })
    for task in tasks { _ = try await task.value.get() }
    #expect(published == [["put a", "put a", "put a"]])
    #expect(backing.cache.memory.kept(key("a"))?.text == "6")
  }

  @Test("After a patch that adds nothing, the cache serves nothing older")
  func patches() async throws {
    let loop = Loop(backing)
    _ = try await loop.write(put("a"))
    let receipt = try await loop.write(patch("a", Patch(contentType: "a/b")))
    #expect(published == [["put a"], ["put a"]])
    #expect(backing.cache.memory.kept(key("a")) == nil)
    let reading = try await loop.get(key("a"))
    #expect(reading.entry?.metadata == receipt.stored && reading.text == "value")
    _ = try await loop.execute(
      Batch(operations: [.write(put("a", "2")), .write(patch("a", Patch()))], isAtomic: true))
    #expect(try await loop.get(key("a")).text == "2")
  }

  @Test("Changes are published once each, in the order of their commits")
  func order() async throws {
    let loop = Loop(backing)
    let tasks = await loop.start(writes: [put("b"), put("a"), delete("b"), put("b")])
    var receipts: [WriteReceipt] = []
    for task in tasks { receipts.append(try await task.value.get()) }
    #expect(published == [["put b", "put a", "delete b", "put b"]])
    let revisions = backing.feed.publications.joined()
      .filter { $0.key == key("b") }.map(\.revision)
    #expect(revisions == revisions.sorted() && Set(revisions).count == 3)
    let changes = backing.feed.publications.joined().filter { $0.key == key("a") }
    #expect(
      Array(changes) == [
        Change(
          key: key("a"), revision: receipts[1].stored!.revision,
          kind: .put(receipts[1].stored!), previous: Revision.none)
      ])
  }

  @Test("A write that wrote nothing publishes nothing and does not change the cache")
  func nothingWritten() async throws {
    let loop = Loop(backing)
    let name = IdempotencyKey(name: "once", fingerprint: [1])
    _ = try await loop.write(put("a", idempotency: name))
    #expect(published == [["put a"]])
    let missing = try await loop.write(delete("absent"))
    #expect(missing.outcome == .notFound)
    let refused = try await loop.write(put("a", condition: Condition(ifNoneMatch: .any)))
    #expect(refused.outcome == .preconditionFailed(current: Revision(1_700_000_000_000_000)))
    let other = try await loop.write(
      put("a", idempotency: IdempotencyKey(name: "once", fingerprint: [2])))
    #expect(other.outcome == .idempotencyMismatch)
    #expect(published == [["put a"]])
    #expect(backing.cache.updates.count == 1)
    // The process that wrote it may have died before it updated the cache.
    let replayed = try await loop.write(put("a", idempotency: name))
    #expect(replayed.isReplayed && published == [["put a"]])
    #expect(backing.cache.updates.count == 2)
  }

  @Test("Of a mixed batch, only successful writes are published")
  func mixedBatch() async throws {
    let loop = Loop(backing)
    let tasks = await loop.start(writes: [
      put("a"), delete("absent"), put("b", condition: Condition(ifMatch: .any)), put("c"),
    ])
    for task in tasks { _ = try await task.value.get() }
    #expect(backing.database.calls.writes.count == 1)
    #expect(published == [["put a", "put c"]])
  }

  @Test("A cache update that fails does not fail the write, and is observed")
  func cacheFails() async throws {
    let loop = Loop(backing)
    backing.cache.fail()
    let tasks = await loop.start(writes: [put("a"), put("b")])
    for task in tasks { #expect(try await task.value.get().stored?.version == 1) }
    #expect(backing.observer.events.contains(.cacheUpdateFailed(keys: 2)))
    #expect(published == [["put a", "put b"]])
  }

  @Test("A publication that fails does not fail the write, and is observed")
  func feedFails() async throws {
    let loop = Loop(backing)
    let error = StoreError.unavailable(cause: "no feed", retryAfter: 1)
    backing.feed.fail(with: error)
    #expect(try await loop.write(put("a")).stored?.version == 1)
    #expect(backing.observer.events.contains(.publishFailed(changes: 1, error: error)))
    #expect(try await loop.get(key("a")).source == .cache)
  }

  @Test("A deleted key is known to be absent")
  func deletedIsCached() async throws {
    let loop = Loop(backing)
    _ = try await loop.write(put("a"))
    _ = try await loop.write(delete("a"))
    #expect(try await loop.get(key("a")) == Reading(entry: nil, source: .cache))
    #expect(backing.database.calls.reads.isEmpty)
  }
}
