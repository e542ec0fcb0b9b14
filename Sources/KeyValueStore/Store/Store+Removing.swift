// Deleting the keys under a prefix.
extension Store {
  /// Deletes at most `limit` live entries under a prefix, in the order of their keys, in several
  /// commits. Each is a delete like any other: with a revision, in the cache and published.
  /// `position`: where the removal before has ended. Without it, each call reads first what the
  /// calls before have left, a tombstone for each entry, and may find no time for more.
  ///
  /// If time runs short, or if an error occurs after some entries were deleted, returns what was
  /// deleted so far. An entry that is written meanwhile may be deleted or not.
  /// Errors: `unavailable`, `overloaded`, `outcomeUnknown`, `tooSlow`; nothing is known to be
  /// deleted then.
  public func remove(
    prefix: [UInt8], after position: PagePosition? = nil, limit: Int
  ) async throws(StoreError) -> Removal {
    guard removals.enter(bytes: 0) else {
      observer.refused(.batch)
      throw .overloaded(retryAfter: limits.retryAfter)
    }
    defer { removals.leave(bytes: 0) }
    let end = clock.now() + limits.removalTime
    var request = PageRequest(prefix: prefix, after: position)
    var count = 0
    repeat {
      request.entriesMax = min(limit - count, limits.removalWritesMax)
      do throws(StoreError) {
        let page = try await database.list(request)
        let deleted = try await delete(page.items.map(\.metadata.key))
        count += deleted.count
        if let left = deleted.firstLeft { return Removal(count: count, next: .from(left)) }
        request.after = page.next
      } catch {
        guard count > 0 else { throw error }
        break
      }
    } while request.after != nil && count < limit && clock.now() < end
    return Removal(count: count, next: request.after)
  }

  /// Deletes keys in one call of the database, and publishes what was deleted. Throws only if no
  /// key was. `firstLeft`: the first key that was left because of an error.
  private func delete(
    _ keys: [Key]
  ) async throws(StoreError) -> (count: Int, firstLeft: Key?) {
    if keys.isEmpty { return (0, nil) }
    let writes = keys.map { Write(key: $0, mutation: .delete) }
    var results = await commit(writes, isPatient: false)
    // Other transactions were writing these keys.
    let held = results.indices.filter { place in
      if case .failure(.tooSlow) = results[place] { true } else { false }
    }
    if !held.isEmpty {
      let again = await commit(held.map { writes[$0] }, isPatient: true)
      for (place, result) in zip(held, again) { results[place] = result }
    }
    let deleted = results.count { result in
      if case .success(let receipt) = result { receipt.outcome.hasWritten } else { false }
    }
    for (key, result) in zip(keys, results) {
      guard case .failure(let error) = result else { continue }
      if deleted == 0 { throw error }
      return (deleted, key)
    }
    return (deleted, nil)
  }

  private func commit(_ writes: [Write], isPatient: Bool) async -> [WriteResult] {
    let start = clock.now()
    let results = await database.write(each: writes, isPatient: isPatient)
    observer.writeBatchEnded(
      writes: writes.count, bytes: writes.reduce(0) { $0 + $1.weight },
      duration: clock.now() - start, error: results.lazy.compactMap(\.failure).first)
    var committed = CommittedChanges()
    for case (let write, .success(let receipt)) in zip(writes, results) {
      committed.append(write, receipt)
    }
    await publisher.publish(committed)
    return results
  }
}

/// What a removal of a prefix has done.
public struct Removal: Equatable, Sendable {
  /// How many entries were deleted.
  public let count: Int
  /// Where the next removal begins; nil: no entry is left.
  public let next: PagePosition?

  public init(count: Int, next: PagePosition?) {
    self.count = count
    self.next = next
  }
}
