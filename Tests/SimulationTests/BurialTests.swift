import KeyValueStore
import Simulation
import Testing

@Suite("Writes that the database refuses for good, among others of their message")
struct BurialTests {
  /// What a worker has told the queue and the operators.
  private final class Recorder: WriteSource, ApplierObserver {
    var acknowledged: [Int] = []
    var rejected: [Int] = []
    var buried: [OperationID?] = []
    /// What became of each operation.
    var states: [OperationRecord.State?] = []

    func acknowledge(_ deliveries: [Delivery]) { acknowledged += deliveries.map(\.tag.place) }
    func reject(_ deliveries: [Delivery]) { rejected += deliveries.map(\.tag.place) }
    func took(_ count: Int, oldest: Timestamp?) {}
    func finished(_ count: Int) {}
    func applied(_ queued: [QueuedWrite], _ results: [AppliedWrite], duration: Duration) {}
    func retried(_ error: StoreError, isFirst: Bool) {}
    func returned(_ count: Int, deliveries: Int, _ operation: OperationID?) {}
    func buried(_ operation: OperationID?, cause: String) { buried.append(operation) }
  }

  private func write(_ key: String, at time: Timestamp) -> QueuedWrite {
    var random = SystemRandomNumberGenerator()
    return QueuedWrite(
      id: .make(at: time, random: &random),
      write: Write(
        key: Key(trusted: Array(key.utf8)),
        mutation: .put(value: [1], contentType: "a/b", timeToLive: nil)),
      acceptedAt: time)
  }

  /// Applies the writes of one message on a new process, and returns what it told.
  /// - Parameter failed: operations whose failure is recorded before.
  private func apply(
    _ writes: [QueuedWrite], failed: [OperationID] = [], in services: Services
  ) throws -> Recorder {
    let recorder = Recorder()
    let process = Process("worker", on: services.stage)
    let node = Node(process, in: services)
    let database = DatabaseConnection(
      to: services.database, of: process, published: PublishedChanges())
    try services.stage.run {
      _ = await node.warmUp()
      _ = try? await database.recordFailures(of: failed)
      let applier = Applier(
        store: node.store, database: database, source: recorder, observer: recorder
      ) { { .milliseconds(50) } }
      await applier.apply(
        writes.enumerated().map { place, queued in
          Delivery(
            content: .write(queued), deliveryCount: 0, bytes: 100,
            tag: DeliveryTag(connection: 1, number: 1, place: place))
        })
      for queued in writes {
        recorder.states.append(try? await database.operation(queued.id)?.state)
      }
    }
    return recorder
  }

  @Test("One is put aside alone, its operation fails, and the others are applied")
  func refused() throws {
    let services = Services(on: Stage(seed: 1))
    let writes = ["a", "b", "refused", "c", "d"].map { write($0, at: services.database.now) }
    let told = try apply(writes, in: services)
    #expect(told.acknowledged.sorted() == [0, 1, 3, 4])
    #expect(told.rejected == [2] && told.buried == [writes[2].id])
    #expect(told.states == [.applied, .applied, .failed, .applied, .applied])
  }

  @Test("One whose failure is on record is put aside: the worker may have died before it was")
  func recorded() throws {
    let services = Services(on: Stage(seed: 1))
    let writes = ["a", "b", "c"].map { write($0, at: services.database.now) }
    let told = try apply(writes, failed: [writes[1].id], in: services)
    #expect(told.acknowledged == [0, 2])
    #expect(told.rejected == [1])
    #expect(told.states == [.applied, .failed, .applied])
  }
}
