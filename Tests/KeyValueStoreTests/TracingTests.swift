import KeyValueStore
import Synchronization
import TestSupport
import Testing

/// Batches tell a tracer whose requests they serve.
@Suite("Requests are followed through batches", .timeLimit(.minutes(1)))
struct TracingTests {
  /// Notes what it is asked to follow.
  private final class Noting: StoreTracer {
    struct Note: Equatable {
      let work: SharedWork
      let origins: [TraceContext]
    }

    @TaskLocal static var place: TraceContext?
    private let noted = Mutex<[Note]>([])

    var notes: [Note] { noted.withLock { $0 } }
    var current: TraceContext? { Noting.place }

    func follow<Result>(
      _ work: SharedWork, for origins: [TraceContext], _ body: () async -> Result
    ) async -> Result {
      noted.withLock { $0.append(Note(work: work, origins: origins)) }
      return await body()
    }
  }

  private let backing = Backing()
  private let tracer = Noting()

  private func place(_ number: UInt64) throws -> TraceContext {
    try #require(TraceContext(traceHigh: number, traceLow: number, span: number))
  }

  @Test("A commit is followed for those of its writers that are recorded, in their order")
  func writes() async throws {
    let loop = Loop(backing, tracer: tracer)
    let (one, three) = (try place(1), try place(3))
    backing.database.beforeWrite.close()
    var tasks = await loop.start(writes: [put("before")])
    await backing.database.beforeWrite.untilHeld()
    tasks += await Noting.$place.withValue(one) { await loop.start(writes: [put("a")]) }
    tasks += await loop.start(writes: [put("b")])
    tasks += await Noting.$place.withValue(three) { await loop.start(writes: [put("c")]) }
    await loop.until(writesWaiting: 3)
    backing.database.beforeWrite.open()
    for task in tasks { _ = try await task.value.get() }
    #expect(tracer.notes == [Noting.Note(work: .writing(count: 3), origins: [one, three])])
  }

  @Test("A look-up is followed for all readers that are recorded, also those of one key")
  func reads() async throws {
    let loop = Loop(backing, tracer: tracer)
    let places = try (1...3).map { try place($0) }
    var tasks = await loop.start(reads: ["z"].map { Key($0) }, isFresh: true)
    _ = await tasks[0].value
    tasks = []
    for (place, key) in zip(places, ["a", "b", "a"]) {
      tasks += await Noting.$place.withValue(place) {
        await loop.start(reads: [Key(key)], isFresh: true)
      }
    }
    for task in tasks { _ = try await task.value.get() }
    #expect(tracer.notes.flatMap(\.origins).count == 3)
    #expect(Set(tracer.notes.flatMap(\.origins)) == Set(places))
    #expect(
      tracer.notes.allSatisfy { if case .reading(let keys) = $0.work { keys <= 2 } else { false } })
  }

  @Test("Where no request is recorded, nothing is followed")
  func unrecorded() async throws {
    let loop = Loop(backing, tracer: tracer)
    for task in await loop.start(writes: [put("a"), put("b")]) { _ = try await task.value.get() }
    for task in await loop.start(reads: [Key("a")], isFresh: true) {
      _ = try await task.value.get()
    }
    #expect(tracer.notes.isEmpty)
  }
}
