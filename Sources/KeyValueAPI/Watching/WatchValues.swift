import KeyValueStore

// Values of events. They are read when a watcher that asks for them is about to get the event, so
// that others need not wait.
extension WatchHub {
  /// The texts of events, with the value of a put if that is still the current one.
  func textsWithValues(of events: ArraySlice<WatchEvent>) async -> [[UInt8]] {
    var texts: [[UInt8]] = []
    for event in events { texts.append(event.makeText(value: await value(of: event))) }
    return texts
  }

  /// Nil: the key has changed since, or can't be read now.
  private func value(of event: WatchEvent) async -> [UInt8]? {
    guard case .put = event.change.kind else { return nil }
    do throws(StoreError) {
      let entry = try await store.get(event.change.key).entry
      return entry?.metadata.revision == event.change.revision ? entry?.value : nil
    } catch {
      return nil
    }
  }
}
