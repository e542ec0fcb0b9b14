package import KeyValueStore

/// What the store of one loop works with. Not Sendable: it belongs to that loop.
package struct StorePorts {
  /// Where entries live.
  package let database: any Database
  /// What answers most reads.
  package let cache: any Cache
  /// What takes asynchronous writes.
  package let queue: any WriteQueue
  /// Where committed changes are told.
  package let feed: any ChangeFeed
  /// How other processes are asked to repair the cache; nil: there are none.
  package let repairs: CacheRepairs?

  /// The ports of one loop.
  package init(
    database: any Database, cache: any Cache, queue: any WriteQueue, feed: any ChangeFeed,
    repairs: CacheRepairs? = nil
  ) {
    self.database = database
    self.cache = cache
    self.queue = queue
    self.feed = feed
    self.repairs = repairs
  }
}
