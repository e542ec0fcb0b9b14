public import KeyValueStore

extension Database {
  /// Carries out writes as a store does: what would hold up the others has another, patient turn.
  /// For tests to whom one failure is the failure of all.
  @discardableResult
  public func write(_ writes: [Write]) async throws(StoreError) -> [WriteReceipt] {
    var results = await write(each: writes, isPatient: false)
    let held = results.indices.filter { place in
      if case .failure(.tooSlow) = results[place] { true } else { false }
    }
    if !held.isEmpty {
      let again = await write(each: held.map { writes[$0] }, isPatient: true)
      for (place, result) in zip(held, again) { results[place] = result }
    }
    var receipts: [WriteReceipt] = []
    for result in results { receipts.append(try result.get()) }
    return receipts
  }
}
