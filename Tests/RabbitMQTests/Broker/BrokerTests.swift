import StoreContracts
import Testing

/// Tests on real brokers, one after the other: they share two cores with them.
@Suite("On a real broker", .serialized, .timeLimit(.minutes(5)))
enum BrokerTests {}

extension BrokerTests {
  @Suite("The adapters on RabbitMQ keep the contracts of their ports")
  struct ContractTests {
    @Test("Queue", arguments: WriteQueueContract.cases)
    func queue(_ sentence: WriteQueueContract.Case) async throws {
      let harness = try await QueueHarness()
      try await sentence.prove(harness)
      await harness.stop()
    }

    @Test("Change feed", arguments: ChangeFeedContract.cases)
    func feed(_ sentence: ChangeFeedContract.Case) async throws {
      let harness = try await FeedHarness()
      try await sentence.prove(harness)
      await harness.stop()
    }
  }
}
