import StoreContracts
import Testing

extension RedisServices {
  @Suite("Redis keeps the contract of the cache", .timeLimit(.minutes(1)))
  struct ContractTests {
    @Test("Cache", arguments: CacheContract.cases)
    func cache(_ sentence: CacheContract.Case) async throws {
      let harness = try await RedisCacheHarness()
      do {
        try await sentence.prove(harness)
      } catch {
        await harness.node.stop()
        throw error
      }
      await harness.node.stop()
    }
  }
}
